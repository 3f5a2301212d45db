"""`python -m pulumi_airbyte.provider <engine address>`: what the launcher starts.

The engine finds the launcher as docs/pulumi-behaviour.md#finding-a-plugin has it.
"""

from __future__ import annotations

import asyncio
import os
import sys


def main() -> None:
    """Serve the engine whose address is the first argument that is not an option."""
    parent = os.getppid()  # before the half second of imports, in which the engine can be killed

    from .plugin import serve

    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    asyncio.run(serve(addresses[0] if addresses else None, parent=parent))


if __name__ == "__main__":
    main()
