"""The event catalog: what a service declares, and what the declarations say of it."""
