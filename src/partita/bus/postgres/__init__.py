"""The log in PostgreSQL as a bus: for teams without a broker, on any number of machines."""
