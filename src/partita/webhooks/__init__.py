"""Webhooks as Standard Webhooks has them: signed requests over HTTP."""
