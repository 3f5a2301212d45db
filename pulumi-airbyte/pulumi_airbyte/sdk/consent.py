"""Consent to what nothing brings back, and what a preview says about deletions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from .resource import AirbyteResource


def consent(
    phrases: Sequence[str], *, setting: str = "airbyte:confirm", opts: pulumi.InvokeOptions | None = None
) -> None:
    """Agree to deletions and replacements that lose sync state, in the words of their refusal.

    For a program with a setting of its own; those of `airbyte:confirm` count without it. To be called before anything
    is declared. `pulumi destroy` runs no program unless it is told to (`--run-program`).

    Args:
        phrases: such as `delete connection Shopify → Lake`.
        setting: where they come from, for the command that a refusal prints.
        opts: which provider, for a program with several.
    """
    token = "airbyte:index/consent:consent"  # noqa: S105  (a function's name)
    pulumi.runtime.invoke(token, {"phrases": [*phrases], "setting": setting}, opts)


def foretell_deletions(opts: pulumi.InvokeOptions | None = None) -> None:
    """Let a preview say what the next `up` deletes, what is lost with it, and which consent it needs.

    Pulumi asks a provider nothing before a deletion. To be called after everything is declared; costs one look at the
    state, and only in previews.
    """
    if pulumi.runtime.is_dry_run():
        pulumi.Output.from_input(_foretold([*AirbyteResource.declared], opts))


async def _foretold(declared: Sequence[AirbyteResource], opts: pulumi.InvokeOptions | None) -> None:
    found: dict[str, list[str]] = {"urns": [], "ids": []}
    for resource in declared:
        for name, output in (("urns", resource.urn), ("ids", resource.id)):
            value: str | None = await output.future()
            if value:
                found[name].append(value)
    where = {"project": pulumi.get_project(), "stack": pulumi.get_stack()}
    arguments: dict[str, Any] = {**where, **found}
    await pulumi.runtime.invoke_async("airbyte:index/foretellDeletions:foretellDeletions", arguments, opts)
