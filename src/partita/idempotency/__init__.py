"""Idempotency: effects once, by message id, by key sequence and by business key."""
