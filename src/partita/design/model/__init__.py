"""The model of a design: everything that a brief says, or an app declares, and everything assumed beside it."""
