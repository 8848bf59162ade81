"""Codecs: values as bytes; a port and its adapters."""
