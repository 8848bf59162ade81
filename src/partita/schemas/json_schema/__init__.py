"""JSON Schema 2020-12 of a message, and the form that its values have in JSON."""
