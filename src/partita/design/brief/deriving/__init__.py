"""The parts of a design derived from the parts of a brief; each default goes to the ledger."""
