"""What people do to a running system: replay, edit, discard, pause, and the record of who did what and why."""
