"""The dev stack on another platform than this one: what the one module that asks for it answers."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from lotus.local import dev
from lotus.local.machine import has_attributes
from lotus.local.s3_servers import s3_service
from tests.support.clone import PROJECT

QUESTIONS = ("sys.platform", "platform.system", "os.uname", "/proc/")


def code_of(text: str) -> str:
    """A module without its comments."""
    return ast.unparse(ast.parse(text))


def test_macos_is_taken_to_have_attributes_and_is_not_probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its Python has no os.setxattr at all."""
    monkeypatch.delattr(os, "setxattr", raising=False)

    assert has_attributes(tmp_path, "darwin")


def test_a_file_system_without_attributes_keeps_the_metadata_beside_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Some network and memory file systems of Linux; versitygw refuses to start there without a folder for it."""

    def refuse(*_arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse, raising=False)
    record = dev.Dev(1, 2, 3, "key", "secret", "token", {}, "versitygw")

    assert not has_attributes(tmp_path, "linux")
    assert "--sidecar" in s3_service(tmp_path, record).command


def test_nothing_else_of_lotus_asks_for_the_platform():
    """What differs between platforms is behind one module, so that it can be tried without one."""
    asking = [
        file.relative_to(PROJECT).as_posix()
        for file in (PROJECT / "lotus").rglob("*.py")
        if any(question in (text := file.read_text()) and question in code_of(text) for question in QUESTIONS)
    ]

    assert asking == ["lotus/local/machine.py"]
