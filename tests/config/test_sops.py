"""Secrets from a SOPS file; `sops` is a script here, run as the real one would be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lotus.config import render

STACK = (
    "config:\n  lotus:lake: true\n  lotus:workspace: 00000000-0000-4000-8000-000000000001\n"
    "  lotus:config:\n    shop_name: my-shop\n  lotus:sops: secrets/dev.yaml\n"
)


@pytest.fixture
def environment(tmp_path: Path, write) -> dict[str, str]:
    """PATH with a `sops` that prints what stands in the file after the word `encrypted`."""
    script = write(
        "bin/sops", '#!/bin/sh\nshift 3\ngrep -q encrypted "$1" || { echo "no key for $1" >&2; exit 1; }\nsed 1d "$1"\n'
    )
    script.chmod(0o755)
    write("Pulumi.dev.yaml", STACK)
    return {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    "content",
    [
        {"shop_password": "hush-hush"},
        {"apiVersion": "v1", "kind": "Secret", "stringData": {"shop_password": "hush-hush"}},
        {"apiVersion": "v1", "kind": "Secret", "data": {"shop_password": "aHVzaC1odXNo"}},
    ],
)
def test_a_sops_file_gives_secrets(content: object, environment, write, loaded) -> None:
    """Names and values, or a Kubernetes Secret, which is what lotus-lake encrypts."""
    write("secrets/dev.yaml", "encrypted\n" + json.dumps(content))

    project = loaded(environment=environment)

    assert render(project.faults) == ""
    assert project.secrets == {"shop_password": "hush-hush"}


def test_another_value_elsewhere_is_refused(environment, write, loaded) -> None:
    """SOPS is one of the places, not above them."""
    write("secrets/dev.yaml", 'encrypted\n{"shop_password": "hush-hush"}')

    text = render(loaded(environment={**environment, "LOTUS_SECRET_SHOP_PASSWORD": "other"}).faults)

    assert "environment variable LOTUS_SECRET_SHOP_PASSWORD and SOPS file secrets/dev.yaml" in text


@pytest.mark.parametrize(
    ("content", "what"),
    [("plain", "no key for"), ("encrypted\n[1]", "no names and values"), (None, "does not exist")],
)
def test_what_sops_says_is_passed_on(content: str | None, what: str, environment, write, loaded) -> None:
    """At lotus:sops in the stack's file."""
    if content is not None:
        write("secrets/dev.yaml", content)

    faults = loaded(environment=environment).faults

    assert [(f.code, f.line, what in f.what) for f in faults] == [("LOT078", 6, True)]


def test_without_the_program_the_fix_is_to_install_it(environment, write, loaded) -> None:
    """No traceback of a child that could not start."""
    write("secrets/dev.yaml", "encrypted\n{}")

    assert loaded(environment={"PATH": "/nowhere"}).faults[0].fix == "install sops"
