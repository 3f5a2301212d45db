"""Whose process is at the other end of a connection on this machine, as Linux tells it.

A custom definition is a program that the server runs, so whoever may call it can run programs as the user who started
it. On loopback every user of the machine can connect; the kernel's table of sockets says which one did.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

Address = tuple[str, int]

_ESTABLISHED = b"01"
_LISTENING = b"0A"
_USER = 7
"""Column of a socket's user in the table (proc(5), /proc/net/tcp)."""


class OtherUsers:
    """Tells connections of other users, where the kernel's table can be read; elsewhere there are none."""

    def __init__(self, listening: Address) -> None:
        self._table = Path("/proc/self/net/tcp6" if ":" in listening[0] else "/proc/self/net/tcp")
        self.are_told = self._user(_hexadecimal(listening), b"", _LISTENING) is not None

    def opened(self, client: Any, server: Any) -> bool:
        """Whether another user than this process's (or root) holds the client's end.

        A connection that nobody holds any more counts: closed sockets lose their user.
        """
        if not self.are_told:
            return False
        user = self._user(_hexadecimal(client[:2]), _hexadecimal(server[:2]), _ESTABLISHED)
        return user not in (0, os.geteuid())

    def _user(self, local: bytes, remote: bytes, state: bytes) -> int | None:
        try:
            table = self._table.read_bytes()
        except OSError:
            return None
        for line in table.splitlines():
            if local in line:
                columns = line.split()
                if columns[1] == local and columns[2].startswith(remote) and columns[3] == state:
                    return int(columns[_USER])
        return None


def _hexadecimal(address: Address) -> bytes:
    """An address as the table writes it: words in the machine's byte order, then the port."""
    packed = ipaddress.ip_address(address[0]).packed
    words = [packed[start : start + 4] for start in range(0, len(packed), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    return b"".join(words).hex().upper().encode() + f":{address[1]:04X}".encode()
