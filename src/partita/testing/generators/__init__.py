"""Generators: messages and values, whole systems and their troubles, drawn from given dice and judged by what they left."""
