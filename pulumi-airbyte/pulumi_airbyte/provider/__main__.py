"""`python -m pulumi_airbyte.provider <engine address>`: what the launcher starts."""

from __future__ import annotations

import asyncio
import sys

from .plugin import serve


def main() -> None:
    """Serve the engine whose address is the first argument that is not an option."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    asyncio.run(serve(addresses[0] if addresses else None))


if __name__ == "__main__":
    main()
