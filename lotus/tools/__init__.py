"""The programs that lotus needs and no Python package carries: `pulumi` with its Python language host, and an S3.

Standard library only: `python3 -m lotus.tools setup` runs before any environment exists.

Each program is looked for on PATH first, then in the user's cache (`$LOTUS_CACHE`, else `$XDG_CACHE_HOME/lotus`, else
`~/.cache/lotus`), which is keyed by version and shared by every clone. What is missing is installed there: `pulumi` by
Pulumi's own installer or, where its download host is out of reach, from its Go module; versitygw, an S3 under the
Apache licence, from its Go module. The pinned module files lie beside this one.
"""

from lotus.tools.build import build, ensure, installed
from lotus.tools.catalog import TOOLS, Tool, cache_folder, find

__all__ = ["TOOLS", "Tool", "build", "cache_folder", "ensure", "find", "installed"]
