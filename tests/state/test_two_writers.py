"""Two writers of one state at the same time: the lock lets one through, and nothing that was written is lost."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from lotus.local.dev import path as path_with_tools
from lotus.state.bucket import Bucket
from tests.support.airbyte import REPOSITORY
from tests.support.s3 import ROOT, S3

TRIALS = int(os.environ.get("LOTUS_TRIALS_OF_TWO_WRITERS", "100"))

LEDGER = """
import os, pulumi
held = pulumi.StackReference("organization/ledger/prod").get_output("ledger")
pulumi.export("ledger", held.apply(lambda lines: [*(lines or []), os.environ["LINE"]]))
"""
"""Each update adds a line to what the state holds: of two that start from the same state, one would be lost."""


class Writer:
    """A checkout of its own, as two machines have: a folder, a home, the same bucket."""

    def __init__(self, folder: Path, backend: str) -> None:
        (folder / "home").mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text("name: ledger\nruntime: python\n")
        (folder / "__main__.py").write_text(LEDGER)
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "AWS_", "AIRBYTE_"))}
        kept.pop("VIRTUAL_ENV", None)
        self.environment = {
            **kept,
            **ROOT,
            "PATH": path_with_tools(REPOSITORY),
            "PULUMI_BACKEND_URL": backend,
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }

    def start(self, *arguments: str, line: str = "") -> subprocess.Popen[str]:
        """`pulumi …`, not waited for."""
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env={**self.environment, "LINE": line},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """`pulumi …` that must succeed; what it printed."""
        process = self.start(*arguments)
        said = process.communicate()[0]
        assert process.returncode == 0, said
        return said


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_writers_at_once_lose_no_update(s3_server: S3, tmp_path: Path):
    """A hundred times both start together: whoever succeeds is in the state, whoever is not let in says why."""
    backend = s3_server.backend("ledger")
    Bucket.of(backend).client(ROOT).create_bucket(Bucket="ledger")
    writers = [Writer(tmp_path / name, backend) for name in ("one", "two")]
    writers[0].run("stack", "init", "prod")
    (writers[1].folder / "Pulumi.prod.yaml").write_text((writers[0].folder / "Pulumi.prod.yaml").read_text())
    wrote: list[str] = []
    counts = {"both": 0, "one": 0, "none": 0}
    # The second is a lock that its owner gave back between Pulumi's list and its look: the update is not begun either.
    reasons = {"the stack is currently locked by": 0, "NoSuchKey": 0}
    for trial in range(TRIALS):
        lines = [f"{trial}-{number}" for number in range(2)]
        running = []
        for writer, line in zip(writers, lines, strict=True):
            running.append(writer.start("up", "--yes", "--skip-preview", "--stack", "prod", line=line))
            time.sleep(0.02 * (trial % 10))  # from the same moment to a fifth of a second apart
        ends = [(process.communicate()[0], process.returncode) for process in running]
        here = [line for line, (_, code) in zip(lines, ends, strict=True) if code == 0]
        for said, code in ends:
            if code:
                reason = next((word for word in reasons if word in said), None)
                assert reason is not None, said
                reasons[reason] += 1
        wrote += here
        counts[("none", "one", "both")[len(here)]] += 1
    ledger = json.loads(writers[0].run("stack", "output", "ledger", "--json", "--stack", "prod"))
    print(f"{TRIALS} trials: {counts}, refused: {reasons}; {len(wrote)} updates, {len(ledger)} in the state")
    assert sorted(ledger) == sorted(wrote)
    assert Bucket.of(backend).client(ROOT).list_objects_v2(Bucket="ledger", Prefix=".pulumi/locks/")["KeyCount"] == 0
