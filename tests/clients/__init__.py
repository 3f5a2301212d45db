"""Real clients of Airbyte against the local server, each in an environment of its own: `make test-clients`."""
