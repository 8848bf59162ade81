"""What becomes of a message that cannot be handled now."""
