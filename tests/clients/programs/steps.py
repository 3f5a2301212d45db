"""Runs the steps of a client and says what came of each, one JSON line a step; runs in the client's environment."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

URL = os.environ["AIRBYTE_URL"]
PUBLIC, CONFIG = f"{URL}/api/public/v1", f"{URL}/api/v1"
WORKSPACE_ID = os.environ["AIRBYTE_WORKSPACE"]
CONNECTION_ID = os.environ["AIRBYTE_CONNECTION"]
SLOW_CONNECTION_ID = os.environ["AIRBYTE_SLOW_CONNECTION"]
LOCAL_ID = "1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70"


def step(name: str, work: Callable[[], Any]) -> Any:
    """Does one step; an error is its result, and the next step is tried all the same."""
    out = sys.__stdout__
    try:
        value = work()
    except BaseException as error:
        traceback.print_exc()
        text = "%s: %s" % (type(error).__name__, error)
        print(json.dumps({"step": name, "passed": False, "detail": text[:500]}), file=out, flush=True)
        return None
    print(json.dumps({"step": name, "passed": True, "detail": ""}), file=out, flush=True)
    return value


def check(condition: Any, words: Any = "") -> None:
    """Raises if the condition does not hold."""
    if not condition:
        raise AssertionError(str(words))
