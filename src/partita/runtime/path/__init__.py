"""The path of a message from its record or its sender to the commit."""
