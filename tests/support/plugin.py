"""What the repository's own test runs set up: the tools of the user's cache, for tests that ask the environment."""

from __future__ import annotations

import os

from lotus.tools import find


def pytest_configure() -> None:
    """The server's tests look for versitygw in `LOTUS_VERSITYGW` or on PATH: they know nothing of lotus's cache."""
    versitygw = find("versitygw")
    if versitygw is not None:
        os.environ.setdefault("LOTUS_VERSITYGW", str(versitygw))
