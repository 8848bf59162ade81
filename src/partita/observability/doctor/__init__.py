"""The doctor: checks of this machine, of the databases and of the bus; each finding has its fix."""
