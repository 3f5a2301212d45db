"""Values that are an example's: their hosts end in `example.invalid`, which nobody can own, and no run uses them."""

from __future__ import annotations

from lotus.errors import ConfigError

EXAMPLE = "example.invalid"


def refuse_example(value: object, name: str, *, where: str) -> None:
    """Stops a run that would use an example's value.

    Raises:
        ConfigError: the value is one.
    """
    if isinstance(value, str) and EXAMPLE in value:
        raise ConfigError(f"{name} is an example's value: {value}", where=where, fix=f"write your own value of {name}")
