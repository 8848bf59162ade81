"""The databases, below the ledgers that are kept in them."""
