"""State in git is found by `lotus validate`, whatever form it has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from lotus.authoring.validate import validate
from lotus.state.committed import committed_state


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A git repository with a project."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "Pulumi.yaml").write_text("name: lake\n")
    (tmp_path / ".gitignore").write_text("ignored/\n")
    return tmp_path


def write(root: Path, name: str, content: str = "{}") -> None:
    """A file of the repository."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(content)


def state(project: str) -> str:
    """An export as `pulumi stack export` writes it."""
    return json.dumps({"version": 3, "deployment": {"resources": [{"urn": f"urn:pulumi:prod::{project}::a::b"}]}})


def test_each_form_of_state_is_found_once(root: Path):
    """A folder of Pulumi's is one fault, an export by any name and Terraform's file are others."""
    write(root, ".pulumi/stacks/lake/prod.json")
    write(root, ".pulumi/history/lake/prod/1.json")
    write(root, "backup/before.json", state("lake"))
    write(root, "old/terraform.tfstate")
    found = committed_state(root)
    assert [fault.file for fault in found] == [".pulumi", "backup/before.json", "old/terraform.tfstate"]
    assert {fault.code for fault in found} == {"LOT095"} and "git rm -r --cached .pulumi" in found[0].fix


def test_what_is_ignored_or_anothers_is_none(root: Path):
    """A test's state of another project, a stream's file, and what git leaves out."""
    write(root, "ignored/.pulumi/stacks/lake/prod.json")
    write(root, "tests/data/other.json", state("other"))
    write(root, "streams/shop/orders.json", '{"stream": "orders"}')
    assert committed_state(root) == []


def test_validate_stops_with_it_and_hints_at_a_missing_writer(root: Path):
    """The same faults in CI, before a review."""
    write(root, "streams/_destinations/.keep", "")
    write(root, "export.json", state("lake"))
    write(root, "Pulumi.prod.yaml", "config:\n  lotus:lake: true\n")
    gitops = "repository: https://git.example/l\n    image: i.example/l:1\n    state: s3://s?region=r"
    write(root, "Pulumi.gitops.yaml", f"config:\n  lotus:gitops:\n    {gitops}\n")
    report = validate(root, environment={})
    assert [fault.code for fault in report.faults] == ["LOT095"]
    assert [(hint.code, hint.file) for hint in report.hints] == [("LOT096", "Pulumi.prod.yaml")]
    write(root, "Pulumi.prod.yaml", "config:\n  airbyte:writer: operator\n  lotus:lake: true\n")
    assert validate(root, environment={}).hints == ()


def test_without_git_pulumis_own_folder_is_still_seen(tmp_path: Path):
    """An unpacked archive."""
    write(tmp_path, ".pulumi/stacks/lake/prod.json")
    assert [fault.file for fault in committed_state(tmp_path)] == [".pulumi"]
