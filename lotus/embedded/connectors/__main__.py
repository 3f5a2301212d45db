"""`python -m lotus.embedded.connectors source-faker airbyte/source-x:1.2.3 manifest`: installs connectors beforehand.

One JSON line on stdout for each: `{"connector", "installed", "fits", "reason"}`; `fits` is false where no Python of
this machine runs it. Progress goes to stderr. The exit code is 1 when one could not be installed for another reason.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from lotus.embedded.connectors.connectors import Connectors
from lotus.embedded.connectors.definition import Definition
from lotus.embedded.connectors.errors import ConnectorError, NoPythonError
from lotus.embedded.connectors.registry import CONNECTORS, definition

MANIFEST = "manifest"


def _definition(name: str) -> Definition:
    if name == MANIFEST:
        return definition("source-declarative-manifest")
    if name in CONNECTORS:
        return definition(name)
    repository, _, tag = name.partition(":")
    repository = repository if "/" in repository else f"airbyte/{repository}"
    return Definition(id=name, name=name, docker_repository=repository, docker_image_tag=tag or "latest")


async def _install(names: Sequence[str]) -> int:
    connectors = Connectors(progress=lambda line: print(line, file=sys.stderr, flush=True))
    failed = False
    for name in names:
        answer = {"connector": name, "installed": True, "fits": True, "reason": ""}
        try:
            await connectors.program(_definition(name))
        except NoPythonError as error:
            answer |= {"installed": False, "fits": False, "reason": str(error)}
        except ConnectorError as error:
            answer |= {"installed": False, "reason": str(error)}
            failed = True
        print(json.dumps(answer), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_install(sys.argv[1:])))
