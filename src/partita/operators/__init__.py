"""Operators' actions on a running system: replay, edit, discard, pause, and the audit of each action."""
