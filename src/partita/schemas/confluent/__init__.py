"""A Confluent registry from outside: its client, and the frames by which records name their schemas."""
