"""The dev stack's record, ports and faults."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import pytest

from lotus.errors import ConfigError, ToolError, UnavailableError
from lotus.operations import dev
from lotus.operations.processes import start, stop
from lotus.tools import find


@pytest.fixture(autouse=True)
def no_s3_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell that runs the tests may have an S3 of its own."""
    for name in ("S3_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_ports_and_credentials_stay_the_same_for_a_clone(tmp_path: Path):
    """The state in S3 and the provider's configuration name them, so they must outlive a restart."""
    assert dev.load_or_make(tmp_path) == dev.load_or_make(tmp_path)


def test_a_fresh_clone_avoids_ports_that_are_taken(tmp_path: Path):
    """Two clones, or a clone and something else, run side by side on one machine."""
    wished = dev.load_or_make(tmp_path).airbyte_port
    dev.remove(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", wished))

        assert dev.load_or_make(tmp_path).airbyte_port != wished


def test_only_the_owner_reads_the_record(tmp_path: Path):
    """The record holds the dev stack's keys."""
    dev.load_or_make(tmp_path)

    assert (dev.folder(tmp_path) / "dev.json").stat().st_mode & 0o077 == 0


def test_a_damaged_record_is_named_with_the_way_out(tmp_path: Path):
    """A half-written or edited record is one sentence, not a traceback."""
    dev.load_or_make(tmp_path)
    (dev.folder(tmp_path) / "dev.json").write_text("{")

    with pytest.raises(ConfigError, match="cannot be read") as caught:
        dev.load(tmp_path)

    assert "make clean" in str(caught.value)


def test_a_port_in_use_is_named_with_its_owner(tmp_path: Path):
    """Nothing is started on another port behind the user's back: state holds the old one."""
    known = dev.load_or_make(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", known.shop_port))
        taken.listen()
        shop = dev.services(tmp_path, known)[-1]

        with pytest.raises(ToolError, match=rf"port {known.shop_port}.*in use by .*pid"):
            start(shop)


def test_an_s3_without_keys_asks_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`S3_ENDPOINT` alone is not enough, and nothing is written before that is said."""
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID is not"):
        dev.load_or_make(tmp_path)

    assert not (dev.folder(tmp_path) / "dev.json").exists()


@pytest.mark.slow
def test_an_s3_that_is_dead_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A dead endpoint is named with the variables to look at."""
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-shown")

    with pytest.raises(UnavailableError, match=r"127.0.0.1:9") as caught:
        dev.make_buckets(dev.load_or_make(tmp_path))

    assert "not-to-be-shown" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(find("minio") is None, reason="MinIO is not installed: make setup")
def test_a_wrong_password_is_refused_in_one_sentence(tmp_path: Path):
    """The S3's own refusal reaches the person, without the password."""
    known = dev.load_or_make(tmp_path)
    s3 = dev.services(tmp_path, known)[0]
    start(s3)
    try:
        with pytest.raises(UnavailableError, match="SignatureDoesNotMatch") as caught:
            dev.make_buckets(dataclasses.replace(known, s3_secret_access_key="wrong-password"))
    finally:
        stop(s3)

    assert "wrong-password" not in str(caught.value)
