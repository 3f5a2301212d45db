"""`python -m lotus.embedded`: the local server, by its name up to version 0.1."""

import sys

from lotus_server.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
