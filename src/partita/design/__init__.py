"""Designs: thirteen sections derived from a brief or from an app, checked, and built into a document or a project."""
