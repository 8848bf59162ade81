"""Dead letters: when Partita gives a message up, and what it keeps of it."""
