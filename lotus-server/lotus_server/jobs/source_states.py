"""The states that a source is given."""

from __future__ import annotations

from typing import Any

import orjson

from lotus_server.destinations.publications import State


def state_file(states: list[State]) -> Any:
    """What a source gets as `--state`: a list of state messages; a legacy state as it is; None if there is none."""
    messages: list[Any] = []
    for state in states:
        value = orjson.loads(state.text)
        if state.kind == "legacy":
            return value
        if state.kind == "global":
            return [{"type": "GLOBAL", "global": value}]
        descriptor = {"name": state.name, "namespace": state.namespace}
        if state.namespace is None:
            del descriptor["namespace"]
        messages.append({"type": "STREAM", "stream": {"stream_descriptor": descriptor, "stream_state": value}})
    return messages or None


def overlaid(states: list[State], newer: list[State]) -> list[State]:
    """States with newer ones in their place; one that all streams share replaces everything."""
    if any(state.kind != "stream" for state in newer):
        return list(newer)
    replaced = {state.key for state in newer}
    return [*(state for state in states if state.kind == "stream" and state.key not in replaced), *newer]
