"""The second example: booking and settling rides, four services and two sagas; `app.py` says how to run it."""
