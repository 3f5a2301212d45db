"""Which user of this machine is at the other end of a connection, by Linux's table of sockets.

A custom definition is a program that the server runs, so a client that may call it can run programs as the user who
started it. On loopback every user of the machine can connect; the kernel's table of sockets says which one did.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Address = tuple[str, int]

_ESTABLISHED = b"01"
_LISTENING = b"0A"
_USER = 7
"""Column of a socket's user in the table (proc(5), /proc/net/tcp)."""


TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
"""IPv4 and IPv6; what connects to an IPv4 address through an IPv6 socket (Java, .NET) is in the second."""


class OtherUsers:
    """Recognises connections of other users where the kernel's tables can be read; elsewhere none."""

    def __init__(self, listening: Address, tables: Sequence[Path] = TABLES) -> None:
        self._tables = tables
        self.recognised = self._user(listening, None, _LISTENING) is not None

    def opened(self, client: Any, server: Any) -> bool:
        """Whether another user than this process's (or root) holds the client's end.

        A closed connection counts: its socket has no user any more.
        """
        if not self.recognised:
            return False
        user = self._user(client[:2], server[:2], _ESTABLISHED)
        return user not in (0, os.geteuid())

    def _user(self, local: Address, remote: Address | None, state: bytes) -> int | None:
        for table in self._tables:
            six = table.name.endswith("6")
            near = _hexadecimal(local, six=six)
            far = b"" if remote is None else _hexadecimal(remote, six=six)
            if near is None or far is None:
                continue  # an IPv6 address has no form in the table of IPv4
            user = _listed_user(table, near, far, state)
            if user is not None:
                return user
        return None


def _listed_user(table: Path, local: bytes, remote: bytes, state: bytes) -> int | None:
    try:
        content = table.read_bytes()
    except OSError:
        return None
    for line in content.splitlines():
        if local in line:
            columns = line.split()
            if columns[1] == local and columns[2].startswith(remote) and columns[3] == state:
                return int(columns[_USER])
    return None


def _hexadecimal(address: Address, *, six: bool) -> bytes | None:
    """An address as a table writes it: words in the machine's byte order, then the port; None: not in this table."""
    ip = ipaddress.ip_address(address[0])
    if six and ip.version == 4:
        ip = ipaddress.ip_address(f"::ffff:{ip}")
    elif not six and ip.version == 6:
        return None
    words = [ip.packed[start : start + 4] for start in range(0, len(ip.packed), 4)]
    if sys.byteorder == "little":
        words = [part[::-1] for part in words]
    return b"".join(words).hex().upper().encode() + f":{address[1]:04X}".encode()
