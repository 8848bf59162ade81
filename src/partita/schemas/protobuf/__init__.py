"""Protobuf: the schema of a message as a .proto file, derived, read and written in one canonical form."""
