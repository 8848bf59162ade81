"""The embedded schema registry: the REST protocol of Confluent's Schema Registry over SQLite or PostgreSQL."""
