"""Taking over objects that exist: which of them a program can declare with an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi


@dataclass(frozen=True)
class Wanted:
    """An object to take over, and the resource that it becomes."""

    urn: str
    id: str
    """Its id in Airbyte."""
    former_urns: Sequence[str] = ()
    """URNs that the resource had before, as its aliases say."""
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where a leaf is declared, by its path or the start of it; an empty path stands for all others."""


@dataclass(frozen=True)
class Adoptable:
    """What becomes of the objects, by the URN of their resource."""

    imports: Mapping[str, str]
    """What `ResourceOptions(import_=…)` takes."""
    managed: Sequence[str]
    """Those that the state has: an import would be of no use, and would stop a later replacement."""
    faults: Mapping[str, str]
    """Why an object cannot be taken over."""
    unreachable: str | None
    """Why Airbyte did not answer; then nothing else is known."""


def adopt(workspace: str, objects: Sequence[Wanted], opts: pulumi.InvokeOptions | None = None) -> Adoptable:
    """Judge what the stack can take over; to be called before anything is declared.

    A resource that is imported after this call and differs from its object is an error of the preview and of the
    update: an import by itself would be followed by an update in the same run.
    """
    arguments: dict[str, Any] = {
        "project": pulumi.get_project(),
        "stack": pulumi.get_stack(),
        "workspaceId": workspace,
        "wanted": [
            {"urn": each.urn, "id": each.id, "formerUrns": [*each.former_urns], "places": {**each.places}}
            for each in objects
        ],
    }
    answer: Any = pulumi.runtime.invoke("airbyte:index/adopt:adopt", arguments, opts).value or {}
    return Adoptable(
        answer.get("imports") or {}, answer.get("managed") or [], answer.get("faults") or {}, answer.get("unreachable")
    )
