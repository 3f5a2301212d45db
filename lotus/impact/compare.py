"""Two versions of a project → what changes, worst first, and what could not be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lotus.config import Destination, Fault, Project, Source
from lotus.config.project import DESTINATIONS
from lotus.config.references import references
from lotus.impact import connections, connectors
from lotus.impact.change import Change, Risk, digest, in_order
from lotus.impact.connections import Pair

EVERYTHING = "everything"
_OF_OBJECTS = re.compile(r"(delete|replace) (connection|source|destination) |overwrite stream ")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two versions of the files, for one stack."""

    stack: str
    changes: tuple[Change, ...]
    faults: tuple[Fault, ...]
    """Mistakes in the newer files: with one, nothing at all is applied."""
    not_compared: tuple[str, ...]
    unchecked: tuple[str, ...]
    confirmed: tuple[str, ...]
    """What the newer `lotus:confirm` and `airbyte:confirm` consent to."""

    @property
    def risk(self) -> Risk | None:
        """The worst risk, None without changes."""
        return self.changes[0].risk if self.changes else None

    @property
    def consents(self) -> tuple[str, ...]:
        """Every line that `lotus:confirm` needs, the ones given already among them."""
        return tuple(dict.fromkeys(change.consent for change in self.changes if change.consent))

    @property
    def missing_consents(self) -> tuple[str, ...]:
        """The lines that `lotus:confirm` lacks."""
        return tuple(line for line in self.consents if not self._given(line))

    def _given(self, line: str) -> bool:
        # As the provider has it: one word agrees to the loss of any of its objects, but not to a backfill's.
        return line in self.confirmed or (EVERYTHING in self.confirmed and _OF_OBJECTS.match(line) is not None)

    @property
    def digest(self) -> str:
        """See `lotus.impact.digest`."""
        return digest(self.changes)


def compare(before: Project, after: Project) -> Comparison:
    """What `after` does that `before` did not.

    Both come from `load(…, resolve=False)`: values of `$secret` are never looked at. What a mistake in the files hides
    is listed as not compared, never shown as a deletion.
    """
    return _Comparer(before, after).run()


class _Comparer:
    def __init__(self, before: Project, after: Project) -> None:
        self.before = before
        self.after = after
        self.not_compared: dict[str, None] = {}
        self.old = {source.name: source for source in before.sources}
        self.new = {source.name: source for source in after.sources}

    def run(self) -> Comparison:
        return Comparison(
            stack=self.after.settings.stack,
            changes=in_order(self._changes()),
            faults=self.after.faults,
            not_compared=tuple(self.not_compared),
            unchecked=tuple(self._unchecked()),
            confirmed=self.after.settings.confirm,
        )

    def _changes(self) -> Iterator[Change]:
        moved = bool(self.before.settings.workspace) and (
            self.before.settings.workspace != self.after.settings.workspace
        )
        destinations = self._destinations(moved)
        yield from destinations.changes
        for name in sorted({*self.old, *self.new}):
            old, new = self.old.get(name), self.new.get(name)
            if self._hidden(name, old, new):
                self.not_compared[f"source {name}: its files have mistakes"] = None
            elif old is None and new is not None:
                yield from self._comes(new)
            elif new is None and old is not None:
                yield from self._goes(old)
            elif old is not None and new is not None:
                pair = Pair(self.before, self.after, old, new, frozenset(destinations.replaced))
                changes, replaced = connectors.source(pair, moved)
                yield from changes
                yield from connections.changed(pair, replaced=replaced or moved)

    def _hidden(self, name: str, old: Source | None, new: Source | None) -> bool:
        """Whether a mistake, and not a person, may be why the source or one of its streams is not there."""
        for project, source in ((self.before, old), (self.after, new)):
            folder = f"{project.settings.streams}/{name}/"
            elsewhere = f"{project.settings.streams}/{DESTINATIONS}/"
            for fault in project.faults:
                if fault.file.startswith(folder) or f"{fault.file}/" == folder:
                    return True
                if source is None and (fault.file.startswith(elsewhere) or fault.file == project.settings.file):
                    return True
        return False

    def _comes(self, source: Source) -> Iterator[Change]:
        renamed = next((o for o in self.old.values() if o.name not in self.new and _same(o, source)), None)
        reason = f'; it is what "{renamed.name}" was: a renamed folder is a new source to Airbyte' if renamed else ""
        yield connectors.source_comes(self.after, source, reason)
        if source.streams:
            yield connections.comes(self.after, source)

    def _goes(self, source: Source) -> Iterator[Change]:
        reason = next((item.reason for item in self.after.left_out if item.name == source.name), "")
        if source.streams:
            yield connections.goes(self.before, self.after, source, reason)
        yield connectors.source_goes(self.before, self.after, source, reason)

    def _destinations(self, moved: bool) -> _Destinations:
        old, new = _used(self.before), _used(self.after)
        result = _Destinations([], set())
        for name in sorted({*old, *new}):
            was, becomes = old.get(name), new.get(name)
            if was is None and becomes is not None:
                result.changes.append(connectors.destination_comes(self.after, becomes))
            elif becomes is None and was is not None:
                if not self.after.faults:
                    result.changes.append(connectors.destination_goes(self.after, was))
            elif was is not None and becomes is not None:
                changes, replaced = connectors.destination(self.before, self.after, was, becomes, moved)
                result.changes.extend(changes)
                if replaced:
                    result.replaced.add(name)
        return result

    def _unchecked(self) -> Iterator[str]:
        """Values that the files only name, and that stand neither in them nor readable in the stack's file."""
        if not self.after.settings.stack:
            yield "values of $config and $secret: no stack is named"
            return
        config: dict[str, None] = {}
        secrets: dict[str, None] = {}
        used = _used(self.after).values()
        for item in (*self.after.sources, *used):
            for found in references(item.settings.configuration):
                if found.kind == "$secret":
                    secrets[found.name] = None
                elif self.after.settings.values.config(found.name) is None:
                    config[found.name] = None
        for name in sorted(config):
            yield f'$config "{name}": {self.after.settings.file} gives no value'
        if secrets:
            yield f"values of secrets, and that they exist: {', '.join(sorted(secrets))}"


@dataclass(slots=True)
class _Destinations:
    changes: list[Change]
    replaced: set[str]


def _used(project: Project) -> dict[str, Destination]:
    """The destinations that a source of this stack lands in; Airbyte gets no others."""
    names = {source.destination for source in project.sources}
    return {destination.name: destination for destination in project.destinations if destination.name in names}


def _same(one: Source, other: Source) -> bool:
    return one.connector == other.connector and one.settings.configuration == other.settings.configuration
