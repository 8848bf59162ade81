"""Texts for people: the cause of a failure in words, and foreign text that can forge nothing."""
