"""The skeleton of a design: a project that runs, with handlers to fill and a test for each outcome."""
