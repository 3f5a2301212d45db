"""Where the credentials of a stack's Airbyte come from."""

from __future__ import annotations

from pathlib import Path

from lotus.operations.airbyte import from_environment


def test_a_mounted_file_goes_before_a_variable(tmp_path: Path) -> None:
    """A rotation renews the file; the variable is that of the pod's start."""
    (tmp_path / "AIRBYTE_CLIENT_ID").write_text("new\n")
    shell = {"AIRBYTE_CREDENTIALS_DIR": str(tmp_path), "AIRBYTE_CLIENT_ID": "old", "AIRBYTE_USERNAME": "ann"}

    assert from_environment("AIRBYTE_CLIENT_ID", shell) == "new"
    assert from_environment("AIRBYTE_USERNAME", shell) == "ann"
    assert from_environment("AIRBYTE_PASSWORD", shell) is None
