"""The fields of a declared message, read once: each schema language is derived from this reading."""
