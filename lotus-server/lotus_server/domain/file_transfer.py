"""Connectors that copy files as they are instead of reading records: the local server's destinations land records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFUSAL = (
    "the local server does not transfer files: it lands records, so nothing would arrive; "
    'set delivery_method.delivery_type to "use_records_transfer"'
)


def transfers_files(configuration: Mapping[str, Any]) -> bool:
    """Whether a source's configuration asks for it, as the file-based sources of airbyte-cdk spell it."""
    method = configuration.get("delivery_method")
    return isinstance(method, Mapping) and method.get("delivery_type") == "use_file_transfer"
