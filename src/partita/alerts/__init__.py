"""Alerts: rules over what a service's databases say, evaluated in its own processes, told by log, webhook and mail."""
