"""The dynamic provider in a process of its own: `python provider_process.py <method> <properties>`.

Prints the outputs as JSON. The engine's own process cannot be killed at a chosen moment; this one can. `again` takes
`{"olds": …, "news": …}` and does what the engine does with a resource that is there: diff, then update if need be.
"""

from __future__ import annotations

import json
import sys

from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.config import Config

from lotus.backfill.resource import BackfillResetProvider


def main() -> None:
    """One call."""
    method, properties = sys.argv[1], json.loads(sys.argv[2])
    del sys.argv[1:]
    provider = BackfillResetProvider()
    provider.configure(ConfigureRequest(Config({}, "lake")))
    if method == "create":
        print(json.dumps(provider.create(properties).outs))
    elif method == "again":
        olds, news = properties["olds"], properties["news"]
        changed = provider.diff("id", olds, news).changes
        print(json.dumps(provider.update("id", olds, news).outs if changed else None))
    else:
        provider.delete("id", properties)


main()
