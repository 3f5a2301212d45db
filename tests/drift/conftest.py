"""One lake for all tests of this folder: it is changed behind the files' back, and put back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live_lake import LiveLake, live_lake

DECLARED = {
    "name": "Shop → Lake",
    "prefix": "",
    "namespace_format": "shop",
    "non_breaking_schema_updates_behavior": "propagate_columns",
    "status": "active",
}
"""Settings of a connection, each with its default: what no file declares is no drift. The name and the
namespace are said, not derived from those of source and destination: a test gives those other names."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLake]:
    """A lake whose shop has synced once."""
    with live_lake(tmp_path_factory.mktemp("drift") / "lake", schedule="manual", connection=DECLARED) as found:
        found.lotus("sync", "shop", "--wait")
        yield found


@pytest.fixture(scope="session")
def crds() -> Path:
    """The folder of CRDs in shared/; without LOTUS_SHARED the test is skipped."""
    shared = os.environ.get("LOTUS_SHARED")
    if not shared:
        pytest.skip("needs the operator's CRDs: set LOTUS_SHARED to the folder that has kubernetes/crds")
    folder = Path(shared) / "kubernetes" / "crds"
    assert folder.is_dir(), f"LOTUS_SHARED is set, but there is no {folder}"
    return folder
