"""Settings: where an app keeps its data and how it runs, and the limits of addresses and amounts that people declare."""
