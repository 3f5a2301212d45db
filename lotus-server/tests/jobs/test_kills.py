"""kill -9 of server, worker, connector and S3 at random moments of syncs in every mode, through the API."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from server_support.soak import Soak

KILLS = int(os.environ.get("LOTUS_SOAK_KILLS", "240"))
SLICE_KILLS = 12


def killed(folder: Path, capsys: pytest.CaptureFixture[str], kills: int, *, every: int) -> None:
    """So many kills, and the counts on the terminal."""
    seed = int(os.environ.get("LOTUS_SOAK_SEED", str(time.time_ns())))
    print(f"LOTUS_SOAK_SEED={seed}")
    with Soak(folder, random.Random(seed)) as soak:
        soak.run(kills, every=every)
        with capsys.disabled():
            print(f"\n{soak.report()}")


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_nothing_is_lost_repeated_or_mixed_by_many_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LOTUS_SOAK_KILLS of them (240), each mode looked at after every twenty."""
    killed(tmp_path, capsys, KILLS, every=20)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_repeated_or_mixed_by_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The slice of it that every run of the tests has."""
    killed(tmp_path, capsys, SLICE_KILLS, every=SLICE_KILLS)
