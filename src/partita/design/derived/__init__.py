"""The design of an app that exists: derived from its declarations, with the facts that no code knows declared beside it."""
