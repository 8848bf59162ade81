"""Messages that cannot be handled now."""
