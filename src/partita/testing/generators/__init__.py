"""Generators: whole systems and their troubles drawn from dice, run on the real engine, and judged by what they left."""
