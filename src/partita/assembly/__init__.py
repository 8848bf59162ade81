"""The assembly: settings become the adapters that they name."""
