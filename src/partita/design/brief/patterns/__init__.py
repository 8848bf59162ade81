"""Patterns of common domains: a whole brief for each, from which a new one is drafted."""
