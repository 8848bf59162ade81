"""Drift: the changes from a committed design to the one of today, in words."""
