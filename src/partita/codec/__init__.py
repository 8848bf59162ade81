"""Values as bytes: a port and the adapters that encode and decode."""
