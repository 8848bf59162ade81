"""A design in the formats of other tools."""
