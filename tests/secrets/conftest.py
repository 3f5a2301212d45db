"""The same lake as tests/state has."""

from tests.state.conftest import airbyte, minio

__all__ = ["airbyte", "minio"]
