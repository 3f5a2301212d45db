"""The user's files and the stack's settings, checked: everything a person edits, before anything runs."""

from __future__ import annotations

from lotus.config.faults import Fault, render
from lotus.config.project import Destination, LeftOut, Project, Source, Stream, load
from lotus.config.settings import Settings, from_stack_file, from_values

__all__ = [
    "Destination",
    "Fault",
    "LeftOut",
    "Project",
    "Settings",
    "Source",
    "Stream",
    "from_stack_file",
    "from_values",
    "load",
    "render",
]
