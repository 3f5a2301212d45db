"""Groups of commands: listed by family, and one that may leave out the name of its main command."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class Families(TyperGroup):
    """A group whose help lists its commands by family (typer's `rich_help_panel`), each line whole."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each family, in the order in which families were registered."""
        families: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            if not command.hidden:
                family = str(getattr(command, "rich_help_panel", None) or "Commands")
                families.setdefault(family, []).append((name, _first_sentence(command.help or "")))
        width = max((len(name) for rows in families.values() for name, _ in rows), default=0)
        for family, rows in families.items():
            with formatter.section(family):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


class DefaultCommand(Families):
    """A group whose first command is meant where the first word is no command: `lotus backfill shop orders`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; a word that is none is the first argument of the first command."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = [next(iter(self.commands)), *args]
        return super().resolve_command(ctx, args)


def _first_sentence(text: str) -> str:
    line = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return line.partition("; ")[0].removesuffix(".").removesuffix(":")
