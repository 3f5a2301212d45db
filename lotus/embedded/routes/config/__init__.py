"""The config API, served below ``/api/v1``: what clients of Airbyte use of it (airbyte-api.md, section b)."""
