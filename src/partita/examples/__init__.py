"""Examples that run: the shop is demo, tutorial, test bed and benchmark at once."""
