"""The config API, below ``/api/v1``: what clients use of it (docs/airbyte-behaviour.md#clients-of-the-config-api)."""
