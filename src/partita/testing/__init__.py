"""Testing: what third parties run against their adapters."""
