"""The runtime: one pipeline for every message, one loop for every worker."""
