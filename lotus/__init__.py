"""Lotus: an Airbyte lake in one git repository and one Pulumi Python program."""
