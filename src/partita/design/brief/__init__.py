"""The brief of a design: its form, its reader, and the patterns from which a new one is written."""
