"""Whatever the machine does, every accepted job ends in a state that clients see, and the server works again."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from server_support.faults import FAULTS, Trial
from server_support.process import ServerProcess

TRIALS = int(os.environ.get("LOTUS_FAULT_TRIALS", "25"))
LOG_BYTES = 200_000


def trial(folder: Path, fault: str, seconds: float) -> tuple[Counter[int], Counter[str], int]:
    """One server that meets a fault for some seconds: answers, outcomes of the accepted jobs, bytes on stderr."""
    with ServerProcess(folder / "data") as server:
        attempt = Trial(server, folder / "lake")
        attempt.prepare()
        with FAULTS[fault](attempt):
            attempt.ask()
            time.sleep(seconds)
        assert attempt.healthy()
        attempt.ask()
        outcomes = attempt.outcome()
        _, _, complaints = server.stop()
    logs = sum(path.stat().st_size for path in (folder / "data" / "logs").glob("server.log*"))
    return attempt.answers, outcomes, logs + len(complaints)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_every_accepted_job_ends(tmp_path: Path, fault: str) -> None:
    """A slice of the suite: once each."""
    answers, outcomes, logged = trial(tmp_path, fault, 3)
    assert not set(answers) - {0, 200, 409, 503}, answers
    assert outcomes["open"] == 0, outcomes
    assert outcomes["succeeded"] >= 1, outcomes
    assert logged < LOG_BYTES


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_accepted_job_ends_many_times(tmp_path: Path, fault: str) -> None:
    """The counts of the fault suite."""
    answers, outcomes = Counter[int](), Counter[str]()
    for number in range(TRIALS):
        some_answers, some_outcomes, _ = trial(tmp_path / str(number), fault, 1 + number % 5)
        answers += some_answers
        outcomes += some_outcomes
    print(f"\n{fault}: {TRIALS} trials, answers {dict(answers)}, accepted jobs {dict(outcomes)}")
    assert outcomes["open"] == 0
