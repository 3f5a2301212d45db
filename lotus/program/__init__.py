"""The Pulumi program: what the files and the stack's settings ask for, as resources."""

from lotus.program.lake import Lake, checked, declare, settings

__all__ = ["Lake", "checked", "declare", "settings"]
