"""Generators: messages and values, whole systems and their faults, drawn from given dice and judged by their results."""
