"""The egress: events of a service, sent to URLs of other programs as webhooks."""

from partita.egress.webhook import Webhook

__all__ = ["Webhook"]
