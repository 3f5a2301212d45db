"""lotus-lake's own layout and files load unchanged (needs the samples; LOTUS_SHARED names their folder)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lotus.config import Project, from_values, load, render


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A project laid out as lotus-lake is: orchestration/dag/streams and orchestration/dag/sources."""
    shared = os.environ.get("LOTUS_SHARED")
    if not shared:
        pytest.skip("LOTUS_SHARED is not set")
    samples = Path(shared) / "lotus-lake" / "samples"
    assert samples.is_dir(), f"LOTUS_SHARED is set, and {samples} is missing"
    shutil.copytree(samples / "streams", tmp_path / "orchestration/dag/streams")
    shutil.copytree(samples / "sources", tmp_path / "orchestration/dag/sources")
    shutil.copy(
        samples / "catalog/klaviyo_metrics_only.json", tmp_path / "orchestration/dag/streams/klaviyo/_catalog.json"
    )
    return tmp_path


def loaded(root: Path) -> Project:
    """The project, with the two paths that differ as settings."""
    given = {"streams": "orchestration/dag/streams", "discovered": "orchestration/dag/sources"}
    return load(root, from_values(given, environment={}), resolve=False)


def test_only_what_lotus_lake_does_not_have_is_missing(lake: Path) -> None:
    """Its streams and schemas are fine as they are; the sources were Terraform's."""
    project = loaded(lake)

    assert {fault.code for fault in project.faults} == {"LOT015"}
    assert [item.name for item in project.left_out] == ["odoo/orders", "odoo"]
    assert "_catalog.json" in render(project.hints)


def test_with_source_files_the_streams_become_what_they_were(lake: Path) -> None:
    """Same modes, same fields, and the source's own keys and cursors left out."""
    streams = lake / "orchestration/dag/streams"
    (streams / "_destinations").mkdir()
    (streams / "_destinations/lake.json").write_text('{"connector": "destination-s3"}')
    for name in ("shopify", "klaviyo"):
        (streams / name / "_source.json").write_text(f'{{"connector": "source-{name}"}}')

    project = loaded(lake)

    assert render(project.faults) == ""
    modes = {s.name: t.modes.connection_sync_mode for s in project.connections for t in s.streams}
    assert modes == {"klaviyo": "full_refresh_overwrite", "shopify": "incremental_append"}
    assert [t.backfill for s in project.connections for t in s.streams] == [None, True]
