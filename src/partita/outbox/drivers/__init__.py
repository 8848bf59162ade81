"""Other programs' transactions: one file per driver library, imported when such a connection is first given."""
