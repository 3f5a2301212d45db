"""What keeps a server from starting is one sentence with the way out."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from lotus_server.errors import StartError
from lotus_server.other_users import OtherUsers
from lotus_server.services.startup import open_server

Fault = Callable[[Path], object]


def replaced(name: str, content: bytes) -> Fault:
    """A file of the data folder with other content."""
    return lambda data: (data / name).write_bytes(content)


def in_place_of(name: str, *, folder: bool) -> Fault:
    """A folder where a file was, or the other way round."""

    def put(data: Path) -> None:
        path = data / name
        if path.is_dir():
            for inner in path.iterdir():
                inner.unlink()
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        path.mkdir() if folder else path.write_text("x")

    return put


def changed(part: Callable[[bytes], bytes]) -> Fault:
    """The store with a part of it changed."""

    def change(data: Path) -> None:
        store = data / "store.sqlite"
        store.write_bytes(part(store.read_bytes()))

    return change


FAULTS: dict[str, Fault] = {
    "the store is empty": changed(lambda _: b""),
    "the store is gone": lambda data: (data / "store.sqlite").unlink(),
    "half of the store": changed(lambda text: text[: len(text) // 2]),
    "zeros over its head": changed(lambda text: bytes(100) + text[100:]),
    "random bytes inside": changed(lambda text: text[:4096] + os.urandom(8192) + text[12288:]),
    "not a store": replaced("store.sqlite", b"hello\n"),
    "a folder in its place": in_place_of("store.sqlite", folder=True),
    "an empty key": replaced("key", b""),
    "another key": replaced("key", base64.urlsafe_b64encode(bytes(32))),
    "a key of bytes": replaced("key", os.urandom(32)),
    "a folder in place of the lock": in_place_of("lock", folder=True),
    "a file in place of the logs": in_place_of("logs", folder=False),
    "a file in place of scratch": in_place_of("scratch", folder=False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_start_is_one_sentence_with_the_way_out(tmp_path: Path, fault: str) -> None:
    """And the data is left as it was found."""
    data = tmp_path / "data"
    open_server(data).store.close()
    for leftover in ("store.sqlite-wal", "store.sqlite-shm"):
        (data / leftover).unlink(missing_ok=True)
    FAULTS[fault](data)
    before = {
        path.name: path.read_bytes()
        for path in data.iterdir()
        if path.name in ("key", "store.sqlite") and path.is_file()
    }

    with pytest.raises(StartError) as refusal:
        open_server(data)
    sentence = str(refusal.value)
    assert ("\n" in sentence, "Traceback" in sentence, str(data) in sentence or "key" in sentence) == (
        False,
        False,
        True,
    )
    assert any(word in sentence for word in ("put ", "move ", "make room", "expected"))
    assert {name: (data / name).read_bytes() for name in before} == before


def test_a_first_start_that_was_killed_does_not_stop_the_second(tmp_path: Path) -> None:
    """The store is made before the key, and a store without secrets gets one."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "store.sqlite").touch()
    open_server(data).store.close()
    assert (data / "key").exists()


def test_without_the_kernels_tables_nobody_is_recognised(tmp_path: Path) -> None:
    """The server says so when it starts."""
    assert not OtherUsers(("127.0.0.1", 1), [tmp_path / "tcp"]).recognised


def test_an_ipv4_client_of_an_ipv6_socket_is_looked_up_in_the_other_table(tmp_path: Path) -> None:
    """Java and .NET connect so; the row says `::ffff:127.0.0.1`."""
    row = "0: {} {} {} 0:0 0:0 0 {} 0 1\n"
    listening = row.format("0100007F:1F90", "00000000:0000", "0A", 0)
    client = "0000000000000000FFFF00000100007F"
    mapped = row.format(f"{client}:C350", f"{client}:1F90", "01", os.geteuid() + 1)
    (tmp_path / "tcp").write_text(listening)
    (tmp_path / "tcp6").write_text(mapped)
    users = OtherUsers(("127.0.0.1", 0x1F90), [tmp_path / "tcp", tmp_path / "tcp6"])
    assert users.recognised
    assert users.opened(("127.0.0.1", 0xC350), ("127.0.0.1", 0x1F90))
    (tmp_path / "tcp6").write_text(mapped.replace(f" {os.geteuid() + 1} ", f" {os.geteuid()} "))
    assert not users.opened(("127.0.0.1", 0xC350), ("127.0.0.1", 0x1F90))
