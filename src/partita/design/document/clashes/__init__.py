"""Clashes of a design: two of its facts that cannot both be taken literally, and the rule by which each is found."""
