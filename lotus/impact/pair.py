"""One connection before and after, as changes name it."""

from __future__ import annotations

from dataclasses import dataclass

from lotus.config import Connection, Project
from lotus.impact.streams import Owner


@dataclass(frozen=True, slots=True)
class Pair:
    """One connection before and after, each with its project, and the destinations that are recreated."""

    before: Project
    after: Project
    old: Connection
    new: Connection
    replaced_destinations: frozenset[str]

    @property
    def owner(self) -> Owner:
        """The connection as it is from now on."""
        return owner(self.after, self.new)


def owner(project: Project, connection: Connection) -> Owner:
    """A connection as changes name it."""
    title = project.title_of(connection)
    return Owner(connection.resource, title, project.settings.stack, project.settings.readers)


def subjects(connection: Connection) -> tuple[str, ...]:
    """Its streams, as changes name them."""
    return tuple(f"{connection.name}/{stream.name}" for stream in connection.streams)


def changes_ends(pair: Pair) -> bool:
    """Whether it reads another source or lands in another destination, not only one with another name."""
    destination = pair.after.destination_of(pair.new)
    return pair.old.source.name not in pair.new.source.names or pair.old.destination not in destination.names
