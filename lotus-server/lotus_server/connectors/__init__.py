"""Connectors: installed once into environments of their own, run as child processes."""

from __future__ import annotations

from lotus_server.connectors.connectors import Connectors
from lotus_server.connectors.definition import CheckResult, Definition, DiscoverResult
from lotus_server.connectors.errors import ConnectorError
from lotus_server.connectors.private import PrivateFolders

__all__ = ["CheckResult", "ConnectorError", "Connectors", "Definition", "DiscoverResult", "PrivateFolders"]
