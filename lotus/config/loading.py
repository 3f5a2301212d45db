"""The ways to load a project: a stack's settings, the lake of a stack with its values, all files of all sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lotus.config.loader import load
from lotus.config.project import Project
from lotus.config.settings import Settings, from_stack_file
from lotus.errors import FaultsError


def stack_settings(project: Path, stack: str, environment: Mapping[str, str]) -> Settings:
    """The stack's settings.

    Raises:
        FaultsError: they have faults, or the stack does not exist.
    """
    settings = from_stack_file(project, stack, environment=environment)
    if settings.faults:
        raise FaultsError(settings.faults)
    return settings


def file_settings(project: Path, stack: str | None, *, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings to look at files with: those of the stack that is named, else defaults and all sources.

    Where the files lie is the same in every stack, so without one the folders are those of the first stack that says.
    """
    settings = from_stack_file(project, stack, environment=environment)
    if stack:
        return settings
    for file in sorted(project.glob("Pulumi.*.yaml")):
        other = from_stack_file(project, file.name.removeprefix("Pulumi.").removesuffix(".yaml"), environment={})
        if other.streams != settings.streams or other.discovered:
            return replace(settings, streams=other.streams, discovered=other.discovered)
    return settings


def stack_project(project: Path, stack: str, environment: Mapping[str, str]) -> Project:
    """Everything the files say for `stack`, with the values of its references.

    Raises:
        FaultsError: the files or the stack's settings have faults; all of them are in it.
    """
    loaded = load(project, from_stack_file(project, stack, environment=environment))
    if loaded.faults:
        raise FaultsError(loaded.faults)
    return loaded


def all_sources(project: Path, settings: Settings) -> Project:
    """All sources of the files, also those that the stack leaves out; values are not looked up."""
    return load(project, replace(settings, include=None, exclude=(), left_out={}), resolve=False)
