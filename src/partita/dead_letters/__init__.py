"""Dead letters: when a message is given up, and what is kept of it."""
