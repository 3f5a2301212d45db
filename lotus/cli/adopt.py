"""`lotus adopt`: take over what was made in Airbyte."""

from __future__ import annotations

from typing import Annotated

import typer

from lotus.cli.options import Json, Stack, current_session
from lotus.cli.output import print_json, print_line, print_table, say
from lotus.words import counted


def adopt_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Sources, destinations or connections; or ids.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything in the workspace.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the files; without it, only show them.")] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Take out the ids that the state has.")] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Take over sources, destinations and connections that exist in Airbyte.

    Writes their files, and their ids into lotus:adopt: the next apply imports them as they are.

    Example: lotus adopt "Shopify EU" --write
    """
    from lotus.authoring.adopt import adopt, remove_used_ids, write_adoption

    session = current_session(stack)
    if clean:
        removed = remove_used_ids(session)
        for each in removed:
            print_line(f"taken out of lotus:adopt: {each}")
        say(f"{counted(len(removed), 'id')} taken out" if removed else "lotus:adopt has no id that the state has")
        return
    adoption = adopt(session, names or [], everything=everything)
    written = write_adoption(session, adoption) if write else []
    if as_json:
        print_json({"objects": adoption.objects, "skipped": adoption.skipped, "written": written})
        return
    rows = [(e.kind, e.title, e.id, e.file, "; ".join(e.unmanaged), ", ".join(e.secrets)) for e in adoption.objects]
    print_table(("", "in Airbyte", "id", "file", "left to Airbyte", "secrets"), rows)
    for line in adoption.skipped:
        say(f"left alone: {line}")
    for name in written:
        print_line(f"wrote: {name}")
    _say_next(session.stack, len(adoption.objects), written=bool(written))


def _say_next(stack: str, objects: int, *, written: bool) -> None:
    if not objects:
        say("nothing to take over")
    elif written:
        say(f"next: lotus validate --stack {stack}, pulumi preview --stack {stack} (imports and nothing else), commit")
    else:
        say("nothing was written; next: the same with --write")
