"""The doctor: everything that has to hold on this machine, in the databases and on the bus, each finding with its fix."""
