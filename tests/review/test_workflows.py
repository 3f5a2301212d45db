"""The workflows: linted, least permissions, pinned; and run step by step on a real lake, without GitHub."""

from __future__ import annotations

import configparser
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lotus.review.report import marker
from lotus.tools import ensure
from lotus.tools.catalog import TOOLS, Package, Tool
from tests.review.test_comment import Host, served
from tests.review.workflow import Runner
from tests.support.live_lake import LiveLake

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
ACTIONLINT = Tool(
    "actionlint",
    "1.7.12",
    1,
    (Package(str(Path(__file__).with_name("modules") / "actionlint"), "github.com/rhysd/actionlint/cmd/actionlint"),),
)
"""Only tests need it, so lotus's own table does not have it."""
slow = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("review")]


@pytest.mark.slow
def test_actionlint_finds_nothing() -> None:
    """Syntax, contexts, expressions, cron; its shellcheck would depend on the machine."""
    TOOLS["actionlint"] = ACTIONLINT
    program = ensure("actionlint")

    answer = subprocess.run(
        [program, "-shellcheck=", "-pyflakes=", *WORKFLOWS], capture_output=True, text=True, check=False
    )

    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_and_every_permission_is_asked_for(workflow: Path) -> None:
    """By commit, with its version beside it; nothing is granted that a job does not name; forks get no secrets."""
    text = workflow.read_text(encoding="utf-8")
    document: dict[Any, Any] = yaml.safe_load(text)

    for use in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v[0-9.]+", use)
    assert document["permissions"] == {}
    assert "pull_request_target" not in text
    assert all("permissions" in job for job in document["jobs"].values())
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")


@pytest.fixture
def host() -> Iterator[Host]:
    """GitHub, as far as a comment goes."""
    with served(Host("", paged=True)) as found:
        yield found


def runner(lake: LiveLake, workspace: Path, host: Host, *, fork: bool = False) -> Runner:
    """A runner for a pull request of the branch that is checked out in the lake."""
    workspace.mkdir()
    commits = {name: lake.git("rev-parse", name).strip() for name in ("main", "HEAD")}
    head = {"sha": commits["HEAD"], "repo": {"full_name": "somebody/lake" if fork else "you/lake"}}
    variables = lake.pulumi_environment()
    reader = configparser.ConfigParser()
    reader.read(lake.path / ".lotus" / "keys" / "reader.ini")
    contexts = {
        "github": {
            "event": {"pull_request": {"number": 7, "base": {"sha": commits["main"]}, "head": head}},
            "repository": "you/lake",
            "token": "t0ken",
        },
        "vars": {"LOTUS_STACK": "dev", "LOTUS_STATE": variables["PULUMI_BACKEND_URL"]},
        "secrets": {
            "PULUMI_CONFIG_PASSPHRASE": variables.get("PULUMI_CONFIG_PASSPHRASE", ""),
            "STATE_READER_ID": reader["default"]["aws_access_key_id"],
            "STATE_READER_SECRET": reader["default"]["aws_secret_access_key"],
        },
    }
    # What the machine knows by itself: where Airbyte is. No value of the stack's secrets.
    kept = {k: v for k, v in variables.items() if k.startswith(("LOTUS_CONFIG_", "AIRBYTE_SERVER"))}
    event = {"GITHUB_API_URL": host.url, "GITHUB_REPOSITORY": "you/lake", "GITHUB_REF": "refs/pull/7/merge"}
    return Runner(workspace, lake.path, contexts, {**lake.environment(), **kept, **event})


@pytest.fixture
def change(live: LiveLake) -> Iterator[None]:
    """A branch that takes a stream out; `main` is checked out again afterwards."""
    live.git("checkout", "-q", "-B", "less", "main")
    live.write("streams/shop/customers.json", None)
    live.commit("fewer streams")
    yield
    live.git("checkout", "-q", "main")


class TestOnALake:
    """The steps, as a runner takes them."""

    pytestmark = slow

    def test_a_pull_request_gets_one_comment_and_then_the_plan_in_it(
        self, live: LiveLake, change: None, host: Host, tmp_path: Path
    ) -> None:
        """From the files first, then against Airbyte as it is, with keys that have no secret of the lake."""
        first = runner(live, tmp_path / "files", host)
        files = first.run(FOLDER / "pull-request.yml", "files")
        before = [comment["body"] for comment in host.comments]
        second = runner(live, tmp_path / "online", host)
        online = second.run(FOLDER / "pull-request.yml", "online")

        assert set(files.values()) == {0}, "\n".join(first.ran)
        assert set(online.values()) == {0}, "\n".join(second.ran)
        assert (len(before), len(host.comments)) == (1, 1)
        assert before[0].startswith(marker("dev"))
        assert "shop/customers: stops syncing" in before[0]
        assert "Pulumi's plan" not in before[0]
        assert "### Pulumi's plan: 1 to update" in host.comments[0]["body"]
        assert "Pulumi's plan" in second.summary

    def test_a_forks_pull_request_is_reviewed_without_any_secret(
        self, live: LiveLake, change: None, host: Host, tmp_path: Path
    ) -> None:
        """Its token cannot write: the review is in the run's summary; the online job does not start."""
        found = runner(live, tmp_path / "fork", host, fork=True)
        found.contexts["secrets"] = {}

        files = found.run(FOLDER / "pull-request.yml", "files")

        assert set(files.values()) == {0}, "\n".join(found.ran)
        assert found.run(FOLDER / "pull-request.yml", "online") == {}
        assert host.calls == []
        assert "shop/customers: stops syncing" in found.summary

    def test_the_drift_workflow_fails_on_drift_and_says_it(self, live: LiveLake, host: Host, tmp_path: Path) -> None:
        """Exit code 5 fails the step; the summary has the lines."""
        live.patch("connections", "Shop → Lake", status="inactive")
        found = runner(live, tmp_path / "drift", host)

        codes = found.run(FOLDER / "drift.yml", "drift")
        live.patch("connections", "Shop → Lake", status="active")

        assert (codes["install"], codes["look"], codes["summary"]) == (0, 5, 0), "\n".join(found.ran)
        assert "status: active → inactive" in found.summary
