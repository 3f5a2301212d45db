"""Large lakes are checked in seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_5000_streams_with_100_fields_cost_a_few_times_their_parsing_and_300_megabytes() -> None:
    """`make bench-validate` has the seconds (3 on a quiet machine); a busy one takes longer for the parsing, too."""
    script = Path(__file__).parent / "bench_validate.py"

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)

    figures = json.loads(done.stdout)
    assert (figures["streams"], figures["faults"]) == (5000, 0)
    assert figures["cpu_seconds"] < 8 * figures["parse_cpu_seconds"]
    assert figures["peak_mb"] < 300
    assert figures["program_cpu_seconds"] < 8 * figures["parse_cpu_seconds"]
