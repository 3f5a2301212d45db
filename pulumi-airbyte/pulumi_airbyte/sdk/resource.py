"""What every resource class has in common: snake_case names in Python, camelCase on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import pulumi


def camel_case(name: str) -> str:
    """`cursor_field` → `cursorField`; a name that is camelCase already stays.

    Example:
        >>> camel_case("non_breaking_schema_updates_behavior")
        'nonBreakingSchemaUpdatesBehavior'
    """
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def on_the_wire(value: Any) -> Any:
    """The same structure with camelCase keys, through lists, dicts and outputs.

    Only for structures whose keys are Airbyte's; a connector's configuration belongs to the connector and is passed
    through unchanged.
    """
    if isinstance(value, pulumi.Output):
        return cast("pulumi.Output[Any]", value).apply(on_the_wire)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        return {camel_case(key): on_the_wire(item) for key, item in items.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [on_the_wire(item) for item in cast("Sequence[Any]", value)]
    return value


class AirbyteResource(pulumi.CustomResource):
    """A resource of the `airbyte` provider.

    Args:
        token: the type token, such as `airbyte:index/source:Source`.
        inputs: by wire name; None means "not given".
        outputs: wire names of what only the server knows.
    """

    declared: ClassVar[list[AirbyteResource]] = []
    """All that this program has declared."""

    def __init__(
        self,
        token: str,
        resource_name: str,
        inputs: Mapping[str, Any],
        outputs: Sequence[str],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        props: dict[str, Any] = {**inputs, **dict.fromkeys(outputs)}
        super().__init__(token, resource_name, props, _wire_options(opts))
        AirbyteResource.declared.append(self)


def _wire_options(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Options whose property names are those of the wire, so that `ignore_changes=["definition_id"]` works."""
    opts = pulumi.ResourceOptions.merge(None, opts)
    for option in ("ignore_changes", "replace_on_changes", "additional_secret_outputs"):
        names = getattr(opts, option)
        if isinstance(names, list):
            setattr(opts, option, [_wire_path(name) for name in cast("list[str]", names)])
    return opts


def _wire_path(path: str) -> str:
    head, dot, rest = path.partition(".")
    # Below `configuration` and `manifest` the names are the connector's own.
    return camel_case(head) + (dot + rest if head in ("configuration", "manifest") else dot + camel_case(rest))
