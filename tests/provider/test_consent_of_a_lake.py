"""The lake's own consents, `lotus:confirm`: the same words in previews and refusals."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.backfill.conftest import make_lake
from tests.support.airbyte import Airbyte

pytestmark = pytest.mark.slow


def test_the_line_that_a_preview_prints_lets_the_update_through(tmp_path: Path):
    """A source's folder goes: foretold, refused, agreed to by the line as it was printed, deleted, hinted at."""
    server = Airbyte(tmp_path / "airbyte")
    try:
        (tmp_path / "lake").mkdir()
        lake = make_lake(tmp_path / "lake", server)
        lake.up()
        lake.sync()
        connection = lake.connection_id
        shutil.rmtree(lake.folder / "streams" / "ledger")
        foretold = lake.preview()[1]
        refused = lake.up(check=False)
        line = re.search(r"pulumi (config set --path 'lotus:confirm\[0\]' '.*?')", foretold)
        assert line and line[0] in refused
        assert f"delete connection {lake.title}" in line[0]
        assert server.call("GET", f"/connections/{connection}")["status"] == "active"

        lake.pulumi(*shlex.split(line[1]))
        assert "; agreed to" in lake.preview()[1]
        assert "take it out of the stack's configuration" in lake.up()
        assert f'nothing needs the consent "delete connection {lake.title}"' in lake.preview()[1]
    finally:
        server.stop()
