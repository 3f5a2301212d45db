"""The working tree against a revision: what the files of a branch change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lotus.config import Project, Settings, from_stack_file, load
from lotus.config.pulumi_yaml import stack_config
from lotus.errors import ConfigError
from lotus.impact.compare import Comparison, compare
from lotus.tools.git import Git
from lotus.untyped import is_list

_NOTHING: Mapping[str, str] = {}
"""The environment of both sides: what a shell happens to hold must not look like a change."""


def compared(project: Path, stack: str, revision: str) -> Comparison:
    """The working tree against `revision` for one stack; without a stack, the files of all sources.

    Raises:
        ConfigError: git knows no such commit, or no such stack has a file.
    """
    with Git(project).at(revision) as base:
        file = f"Pulumi.{stack}.yaml"
        if stack and not any((folder / file).is_file() for folder in (base, project)):
            stacks = sorted(path.name.split(".")[1] for path in project.glob("Pulumi.*.yaml"))
            fix = f"use one of: {', '.join(stacks)}" if stacks else "run pulumi stack init"
            raise ConfigError(f'stack "{stack}" has no file, neither here nor at {revision}', where=file, fix=fix)
        comparison = compare(_files(base, stack), _files(project, stack))
        return replace(comparison, confirmed=(*comparison.confirmed, *_agreed(project, stack))) if stack else comparison


def _agreed(project: Path, stack: str) -> tuple[str, ...]:
    """What the provider's own setting in a stack's file consents to."""
    listed = stack_config(project, stack).get("airbyte:confirm")
    return tuple(str(line) for line in listed) if is_list(listed) else ()


def _files(folder: Path, stack: str) -> Project:
    """What the files in `folder` say for the stack; a stack that has no file there (yet), or no lake, has nothing."""
    if stack and not (folder / f"Pulumi.{stack}.yaml").is_file():
        return Project(Settings(stack=stack))
    settings = from_stack_file(folder, stack or None, environment=_NOTHING)
    if stack and not settings.lake and not settings.faults:
        return Project(settings)
    if not (folder / settings.streams).is_dir():
        return Project(settings)
    return load(folder, settings, resolve=False)
