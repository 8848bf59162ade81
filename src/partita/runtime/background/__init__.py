"""The workers that run beside the messages."""
