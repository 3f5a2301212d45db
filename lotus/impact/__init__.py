"""What a change of the files does: to Airbyte's objects, to the data, to those who read it.

Pure: two projects in, data out. It knows nothing of git, servers or Pulumi, so that `lotus diff`, `lotus review` and a
preview say the same.
"""

from __future__ import annotations

from lotus.impact.change import Action, Change, Risk, digest, in_order
from lotus.impact.compare import Comparison, compare

__all__ = ["Action", "Change", "Comparison", "Risk", "compare", "digest", "in_order"]
