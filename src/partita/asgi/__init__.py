"""Plain ASGI, without a web framework: what the registry and the ingress have in common."""
