"""Connectors that are described by an OpenAPI document, not written."""
