"""Alerts: rules over the numbers of a service's databases, evaluated in its own processes, sent by log, webhook and mail."""
