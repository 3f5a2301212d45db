"""Consent to what nothing brings back, and what a preview says about deletions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from .resource import AirbyteResource


def consent(
    phrases: Sequence[str],
    *,
    setting: str = "airbyte:confirm",
    pending: int = 0,
    opts: pulumi.InvokeOptions | None = None,
) -> None:
    """Agree to deletions and replacements that lose sync state, in the words of their refusal.

    For a program with a setting of its own; those of `airbyte:confirm` count without it. To be called before anything
    is declared. `pulumi destroy` runs no program unless it is told to (`--run-program`).

    Args:
        phrases: such as `delete connection Shopify → Lake`.
        setting: where they come from, for the command that a refusal prints.
        pending: how many more phrases the program itself asks for, with such commands of its own.
        opts: which provider, for a program with several.
    """
    token = "airbyte:index/consent:consent"  # noqa: S105  (a function's name)
    pulumi.runtime.invoke(token, {"phrases": [*phrases], "setting": setting, "pending": pending}, opts)


def collect_faults(opts: pulumi.InvokeOptions | None = None) -> None:
    """Let a preview show the whole stack though a resource has faults; it fails at its end all the same.

    To be called before anything is declared, by a program that ends with `foretell_deletions`.
    """
    if pulumi.runtime.is_dry_run():
        pulumi.runtime.invoke("airbyte:index/collectFaults:collectFaults", {}, opts)


def foretell_deletions(opts: pulumi.InvokeOptions | None = None) -> None:
    """Let a preview say what the next `up` deletes, what is lost with it, and which consent it needs.

    Pulumi asks a provider nothing before a deletion. To be called after everything is declared; costs one look at the
    state, and only in previews.
    """
    if pulumi.runtime.is_dry_run():
        pulumi.Output.from_input(_foretold([*AirbyteResource.declared], opts))


@dataclass(frozen=True)
class Applied:
    """A component as it was applied last, and what a preview has planned so far."""

    outputs: Mapping[str, str]
    """Those that are texts, and its `urn`; empty if it was never applied."""
    planned: int
    """How many resources would be created or changed, of those whose `urn` the program has."""


async def applied(urn: str, opts: pulumi.InvokeOptions | None = None) -> Applied | None:
    """What a component of the program registered as outputs when it was applied last.

    None if the state cannot be read from here. Shares the look at the state with `foretell_deletions`.
    """
    token = "airbyte:index/storedOutputs:storedOutputs"  # noqa: S105  (a function's name)
    answer = await pulumi.runtime.invoke_async(token, {"urn": urn}, opts) or {}
    return Applied(answer["outputs"], int(answer["planned"])) if answer.get("readable") else None


async def _foretold(declared: Sequence[AirbyteResource], opts: pulumi.InvokeOptions | None) -> None:
    found: dict[str, list[str]] = {"urns": [], "ids": []}
    for resource in declared:
        for name, output in (("urns", resource.urn), ("ids", resource.id)):
            value: str | None = await output.future()
            if value:
                found[name].append(value)
    where = {"project": pulumi.get_project(), "stack": pulumi.get_stack()}
    arguments: dict[str, Any] = {**where, **found}
    token = "airbyte:index/foretellDeletions:foretellDeletions"  # noqa: S105  (a function's name)
    answer = await pulumi.runtime.invoke_async(token, arguments, opts)
    faulty: list[str] = (answer or {}).get("faulty") or []
    if faulty:
        raise pulumi.RunError(f"the preview shows faults of {', '.join(faulty)}; without them it is whole")
