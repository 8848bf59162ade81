"""Drivers for a user's transactions: one file per library, imported at its first connection."""
