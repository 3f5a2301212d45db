"""A fresh clone of what is in this checkout, brought from nothing to Parquet once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clone import Clone, copy_of_checkout


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone in which `make run` has run once; its servers are ended afterwards."""
    made = Clone(copy_of_checkout(tmp_path_factory.mktemp("clone")))
    try:
        made.run("make", "run")
        yield made
    finally:
        made.run("make", "stop", check=False)
