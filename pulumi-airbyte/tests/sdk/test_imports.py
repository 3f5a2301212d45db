"""What importing the package costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys

import pulumi_airbyte


def test_the_client_does_not_import_pulumi():
    """A third of a second that `lotus status` need not pay."""
    code = "import sys, pulumi_airbyte.api; sys.exit('pulumi' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_name_is_there():
    """The lazy table and the names agree."""
    assert [name for name in pulumi_airbyte.__all__ if not hasattr(pulumi_airbyte, name)] == []
    assert set(pulumi_airbyte.__all__) <= set(dir(pulumi_airbyte))
