"""The check of a design: contradictions in it, each with its line, the reason and the words to write instead."""
