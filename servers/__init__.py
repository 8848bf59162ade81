"""Real servers on loopback without containers, for development, tests and benchmarks: `python -m servers start`."""
