"""The ingress: events of other programs, taken over HTTP into the outbox of a service."""
