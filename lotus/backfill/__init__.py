"""The backfill of one stream: the resource, the request, its journal beside the state, and what it does to the data.

Pulumi's state holds `lotus.backfill` and `BackfillResetProvider` by name, and every later `up`, `refresh` and `destroy`
looks them up here. So this package's name and the names of both classes are permanent.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lotus.backfill.resource import BackfillReset as BackfillReset
    from lotus.backfill.resource import BackfillResetProvider as BackfillResetProvider

__all__ = ["BackfillReset", "BackfillResetProvider"]


def __getattr__(name: str) -> Any:
    # On demand: the resource imports pulumi (0.4 s), which the journal and the command do not need.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lotus.backfill import resource

    return getattr(resource, name)
