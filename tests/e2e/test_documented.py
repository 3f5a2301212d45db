"""README and docs walked, command by command, in a shell that only `. .venv/bin/activate` has prepared."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.documented import CHANGED, DIFFERENCES, ELSEWHERE, commands, page_exists, run_in
from tests.e2e.documented import PAGES as WALKED
from tests.support.clone import Clone

long = [pytest.mark.soak, pytest.mark.timeout(2400)]


def test_every_entry_of_the_tables_is_a_command_of_the_docs():
    """A command that is gone from the docs needs no line."""
    shown = {command for _, command in commands()}

    assert set(ELSEWHERE) | set(CHANGED) <= shown
    assert all(page_exists(page) for page in WALKED)


def walk(clone: Clone, *, source: str, stream: str, free: str) -> list[str]:
    """What did not work, with its page."""
    failures: list[str] = []
    for page, command in commands():
        text = run_in(command, source=source, stream=stream, free=free)
        if not text or text.startswith((". ", "cd ")):
            continue
        answer = clone.run("bash", "-c", f". .venv/bin/activate && {text}", check=False)
        accepted = next((codes for start, codes in DIFFERENCES.items() if text.startswith(start)), {0})
        if answer.returncode not in accepted or "Traceback" in answer.stdout + answer.stderr:
            words = f"{answer.stdout[-700:]}\n{answer.stderr[-700:]}"
            failures.append(f"{page}: {command}\n  run as {text}: {answer.returncode}\n{words}")
    return failures


class TestInTheClone:
    """The clone of `make run`, with the demo's shop."""

    pytestmark = long

    def test_every_command_works_as_it_is_written(self, clone: Clone):
        """In one shell, in the order of the pages."""
        clone.run("git", "branch", "-f", "main")

        failures = walk(clone, source="shop", stream="orders", free="suppliers")

        clone.run("git", "checkout", "-q", "--", ".")
        clone.run("git", "clean", "-qfd")
        clone.run("bash", "-c", ". .venv/bin/activate && pulumi up --yes --skip-preview --non-interactive")
        assert not failures, "\n\n".join(failures)


class TestInARepositoryOfOnesOwn:
    """What `lotus init` makes of wheels, with a source of its own."""

    pytestmark = long

    def test_every_command_works_as_it_is_written(self, own_repository: Clone):
        """The same pages, with its own source's names."""
        failures = walk(own_repository, source="faker", stream="users", free="purchases")

        assert not failures, "\n\n".join(failures)

    def test_git_takes_no_key_and_no_secret(self, own_repository: Clone):
        """After all of that, `git add .` names nothing below `.lotus`."""
        added = own_repository.run("git", "add", "-n", ".").stdout

        assert ".lotus" not in added

    def test_the_workflows_steps_review_a_branch(self, own_repository: Clone, tmp_path: Path):
        """`files`, with lotus from the target branch's own pins; wheels are found from the checkout."""
        from tests.review.workflow import Runner

        lake = own_repository
        author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.invalid")
        lake.run("git", "add", "-A")
        lake.run("git", *author, "commit", "-qm", "as it is")
        lake.run("git", "branch", "-f", "main")
        lake.run("git", "checkout", "-q", "-B", "less")
        lake.run("git", "rm", "-q", "streams/faker/users.json")
        lake.run("git", *author, "commit", "-qm", "fewer streams")
        base, head = (lake.run("git", "rev-parse", name).stdout.strip() for name in ("main", "HEAD"))
        pull_request = {"number": 7, "base": {"sha": base}, "head": {"sha": head, "repo": {"full_name": "a/fork"}}}
        github = {"event": {"pull_request": pull_request}, "repository": "you/lake", "token": ""}
        contexts = {"github": github, "vars": {"LOTUS_STACK": "dev"}, "secrets": {}}
        workspace = tmp_path / "workspace"
        workspace.mkdir()
        runner = Runner(workspace, lake.path, contexts, lake.environment())

        codes = runner.run(lake.path / ".github" / "workflows" / "pull-request.yml", "files")

        assert set(codes.values()) == {0}, "\n".join(runner.ran)
        assert "faker/users: stops syncing" in runner.summary

    def test_the_wheelhouse_of_the_image_has_what_the_program_needs(self, own_repository: Clone, tmp_path: Path):
        """What the Dockerfile runs in the build, as far as there is no container runtime here."""
        python = own_repository.path / ".venv" / "bin" / "python"
        own_repository.run(str(python), "-m", "ensurepip", "--upgrade")
        own_repository.run(str(python), "-m", "lotus.gitops.wheelhouse", str(tmp_path / "wheelhouse"))

        wheels = {re.split("-[0-9]", file.name)[0] for file in (tmp_path / "wheelhouse").iterdir()}
        assert {"pulumi_airbyte", "lotus_lake", "pulumi", "pydantic", "pip"} <= wheels

    def test_a_lake_without_the_demo_starts_no_demo(self, own_repository: Clone):
        """Its processes are the S3 and the local server."""
        services = json.loads(own_repository.lotus("dev", "status", "--json", check=False).stdout)

        assert [service["name"] for service in services] == ["S3 (versitygw)", "local server"]
