"""Airbyte as typed Pulumi resources."""
