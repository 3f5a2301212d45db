"""An Airbyte-compatible server on loopback: it speaks Airbyte's APIs and moves records with real connectors."""
