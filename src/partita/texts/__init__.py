"""Texts of others and for people: the cause of a failure in words, foreign text that can forge nothing, SQL of a user."""
