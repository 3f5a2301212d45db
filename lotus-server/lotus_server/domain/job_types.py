"""What kinds of jobs there are."""

from __future__ import annotations

from typing import Literal

ConfigType = Literal["sync", "reset_connection", "refresh"]
"""Airbyte's own job config types; the server makes a `reset_connection` job for both reset and clear."""

RefreshMode = Literal["Merge", "Truncate"]

OPEN = ("pending", "running", "incomplete")
"""Statuses of a job that has not ended; ``incomplete``: an attempt failed and another one follows."""
