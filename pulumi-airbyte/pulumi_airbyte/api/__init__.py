"""One async client for Airbyte's public API and for the parts of its config API that the public one lacks."""
