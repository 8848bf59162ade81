"""A document of another system as Python declarations: its words become names and literals, and never code."""
