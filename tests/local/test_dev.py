"""The dev stack's record, ports and faults."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path

import pytest

from lotus.errors import ConfigError, ToolError, UnavailableError
from lotus.local import dev
from lotus.local.processes import start, stop
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
        taken.bind(("127.0.0.1", known.airbyte_port))
        taken.listen()
        server = dev.services(tmp_path, known)[-1]

        with pytest.raises(ToolError, match=rf"port {known.airbyte_port}.*in use by .*pid") as caught:
            start(server)

    assert "lotus dev up --port" in str(caught.value)
    assert "clean" not in str(caught.value)


def test_other_ports_are_chosen_and_stay(tmp_path: Path):
    """The way out of a taken port keeps data and keys."""
    before = dev.load_or_make(tmp_path)
    after = dev.load_or_make(tmp_path, 21000)

    assert (after.airbyte_port, after.s3_port, after.shop_port) == (21000, 21001, 21002)
    assert after.s3_secret_access_key == before.s3_secret_access_key
    assert dev.load_or_make(tmp_path) == after


def test_an_s3_that_is_given_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The commands after `S3_ENDPOINT=… make run` work on that S3, keys included, until another is chosen."""
    for name, value in {"S3_ENDPOINT": "127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    dev.load_or_make(tmp_path)
    for name in ("S3_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    remembered = dev.load(tmp_path)
    assert remembered is not None
    assert (remembered.s3_endpoint, remembered.s3_secret_access_key) == ("http://127.0.0.1:9", "b")
    assert [service.name for service in dev.services(tmp_path, remembered)] == ["local server"]

    monkeypatch.setenv("S3_ENDPOINT", "")
    assert dev.load_or_make(tmp_path).s3_endpoint.endswith(str(remembered.s3_port))


def test_a_lake_without_the_demo_starts_no_demo(tmp_path: Path):
    """The shop's API runs where a source asks for its address."""
    known = dev.load_or_make(tmp_path)
    assert not any("shop" in service.name for service in dev.services(tmp_path, known))
    assert "LOTUS_SECRET_SHOP_TOKEN" not in dev.environment(tmp_path, known)

    source = tmp_path / "streams" / "shop" / "_source.json"
    source.parent.mkdir(parents=True)
    source.write_text('{"configuration": {"url": {"$config": "shop_url"}}}')

    assert dev.services(tmp_path, known)[-1].name == "shop (the demo's API)"


def test_a_clone_of_an_older_lotus_goes_on_with_its_minio(tmp_path: Path):
    """Its data are in MinIO's form: the record does not say so, and another server would show empty buckets."""
    dev.load_or_make(tmp_path)
    file = dev.folder(tmp_path) / "dev.json"
    old = {name: value for name, value in json.loads(file.read_text()).items() if name not in ("s3_server", "given_s3")}
    file.write_text(json.dumps(old))

    known = dev.load(tmp_path)

    assert known is not None
    assert dev.services(tmp_path, known)[0].name == "S3 (MinIO)"


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
@pytest.mark.skipif(find("versitygw") is None, reason="versitygw is not installed: make setup")
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
