"""The embedded Airbyte: a server on loopback that speaks Airbyte's APIs and moves records with real connectors."""
