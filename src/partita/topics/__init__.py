"""Topics: how they are named, and which a system needs."""
