"""The third example: an insurance claim that a person decides within twenty days; `app.py` says how to run it."""
