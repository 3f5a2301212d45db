"""Pulumi's own files, `Pulumi.yaml` and `Pulumi.<stack>.yaml`, for those who want a line of them.

What is no file or no YAML holds nothing here: pulumi and `lotus validate` name its mistakes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import yaml


def project_file(project: Path) -> dict[str, Any]:
    """What the project's file says."""
    return _mapping(project / "Pulumi.yaml")


def project_name(project: Path) -> str:
    """The project's name, a part of every key of its state; empty where there is none."""
    name = project_file(project).get("name")
    return name if isinstance(name, str) else ""


def stack_config(project: Path, stack: str) -> dict[str, Any]:
    """The `config` of a stack's file, by full key such as `airbyte:writer`; secret values as they are encrypted."""
    config = _mapping(project / f"Pulumi.{stack}.yaml").get("config")
    return cast("dict[str, Any]", config) if isinstance(config, dict) else {}


def _mapping(file: Path) -> dict[str, Any]:
    try:
        found: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
