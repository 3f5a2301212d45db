"""The user's files and the stack's settings, checked: everything a person edits, before anything runs."""

from __future__ import annotations

from lotus.config.faults import Fault, render
from lotus.config.loader import load
from lotus.config.project import Connection, Destination, LeftOut, Project, Source, Stream
from lotus.config.settings import Settings, from_stack_file, from_values

__all__ = [
    "Connection",
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
