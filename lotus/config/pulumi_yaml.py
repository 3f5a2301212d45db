"""Pulumi's own files, `Pulumi.yaml` and `Pulumi.<stack>.yaml`, for callers that need one value of them.

A file that is missing or is not YAML reads as empty: pulumi and `lotus validate` report its faults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lotus.errors import ConfigError
from lotus.untyped import as_mapping


def project_file(project: Path) -> dict[str, Any]:
    """What the project's file says."""
    return _mapping(project / "Pulumi.yaml")


def project_name(project: Path) -> str:
    """The project's name, a part of every key of its state; empty where there is none."""
    name = project_file(project).get("name")
    return name if isinstance(name, str) else ""


def required_name(project: Path) -> str:
    """The project's name, for callers that cannot continue without it.

    Raises:
        ConfigError: there is none.
    """
    name = project_name(project)
    if not name:
        raise ConfigError("the project has no name", where=str(project / "Pulumi.yaml"), fix="add: name: lake")
    return name


def writer(project: Path, stack: str) -> str:
    """Who alone changes the stack, as its file says; empty: everybody."""
    return str(stack_config(project, stack).get("airbyte:writer") or "")


def stack_config(project: Path, stack: str) -> dict[str, Any]:
    """The `config` of a stack's file, by full key such as `airbyte:writer`; secret values as they are encrypted."""
    config = _mapping(project / f"Pulumi.{stack}.yaml").get("config")
    return as_mapping(config)


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return as_mapping(content)
