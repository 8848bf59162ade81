"""Texts from outside, and texts for people: the cause of a failure, foreign text made safe to show, SQL of a user."""
