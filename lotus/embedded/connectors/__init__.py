"""Connectors: installed once into environments of their own, run as child processes."""

from __future__ import annotations

from lotus.embedded.connectors.connectors import Connectors
from lotus.embedded.connectors.definition import CheckResult, Definition
from lotus.embedded.connectors.errors import ConnectorError

__all__ = ["CheckResult", "ConnectorError", "Connectors", "Definition"]
