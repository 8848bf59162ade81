"""The event catalog of an app: every message with its meaning, its parties, its fields, its versions and an example."""
