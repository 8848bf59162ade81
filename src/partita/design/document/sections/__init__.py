"""The sections of a document, one file each, in the order of their numbers."""
