"""CloudEvents 1.0.2: the envelope as attributes that readers other than Partita understand."""
