"""Two versions of a project → what changes, worst first, and what could not be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from lotus.backfill.declared import of_backfill
from lotus.config import Connection, Destination, Fault, Project, Source
from lotus.config.project import DESTINATIONS
from lotus.config.references import references
from lotus.impact import connections, connectors
from lotus.impact.change import Change, Risk, digest, in_order
from lotus.impact.pair import Pair

EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two versions of the files, for one stack."""

    stack: str
    changes: tuple[Change, ...]
    faults: tuple[Fault, ...]
    """Faults in the newer files: with one, nothing at all is applied."""
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
        return tuple(line for line in self.consents if not self._consented(line))

    def _consented(self, line: str) -> bool:
        # As the provider has it: one word agrees to the loss of any of its objects, but not to a backfill's.
        return line in self.confirmed or (EVERYTHING in self.confirmed and not of_backfill(line))

    @property
    def digest(self) -> str:
        """See `lotus.impact.digest`."""
        return digest(self.changes)


def compare(before: Project, after: Project) -> Comparison:
    """What `after` does that `before` did not.

    Both come from `load(…, resolve=False)`: values of `$secret` are never looked at. What a fault in the files hides
    is listed as not compared, never shown as a deletion.
    """
    return _Comparer(before, after).run()


class _Comparer:
    def __init__(self, before: Project, after: Project) -> None:
        self.before = before
        self.after = after
        self.not_compared: dict[str, None] = {}
        renamed = _renamed(before.sources, after.sources)
        self.old = {renamed.get(source.name, source.name): source for source in before.sources}
        """The sources before, by their names of now."""
        self.new = {source.name: source for source in after.sources}
        self.moved = bool(before.settings.workspace) and before.settings.workspace != after.settings.workspace
        self.replaced: set[str] = set()
        """The sources that are recreated."""

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
        destinations = self._destinations()
        yield from destinations.changes
        for name in sorted({*self.old, *self.new}):
            old, new = self.old.get(name), self.new.get(name)
            if self._hidden(name, old, new):
                self.not_compared[f"source {name}: its files have faults"] = None
            else:
                yield from self._source(old, new)
        yield from self._connections(frozenset(destinations.replaced))

    def _source(self, old: Source | None, new: Source | None) -> Iterator[Change]:
        if new is None:
            if old is not None:
                yield connectors.source_removed(self.before, self.after, old, self._reason_left_out(old.name))
        elif old is None:
            yield self._added(new)
        else:
            if old.name != new.name:
                yield connectors.renamed_actor(new, old.name)
            changes, replaced = connectors.source(connectors.SourcePair(self.before, self.after, old, new), self.moved)
            if replaced:
                self.replaced.add(new.name)
            yield from changes

    def _connections(self, destinations: frozenset[str]) -> Iterator[Change]:
        renamed = _renamed(self.before.connections, self.after.connections)
        before = {renamed.get(connection.name, connection.name): connection for connection in self.before.connections}
        after = {connection.name: connection for connection in self.after.connections}
        for name in sorted({*before, *after}):
            old, new = before.get(name), after.get(name)
            if self._hidden(name, old, new):
                self.not_compared.setdefault(f"source {name}: its files have faults", None)
            elif old is not None and new is not None:
                yield from self._connection(Pair(self.before, self.after, old, new, destinations))
            else:
                yield from self._connection_of_one_version(name, old, new)

    def _connection_of_one_version(self, name: str, old: Connection | None, new: Connection | None) -> Iterator[Change]:
        """A folder that only one of the versions has."""
        if old is not None and old.streams:
            yield connections.removed(self.before, self.after, old, self._reason_left_out(name))
        elif new is not None and new.streams:
            yield connections.added(self.after, new)

    def _connection(self, pair: Pair) -> Iterator[Change]:
        """A folder that both versions have."""
        if pair.old.name != pair.new.name and pair.new.streams:
            yield connections.renamed(pair)
        yield from connections.changed(pair, replaced=self.moved or pair.new.source.name in self.replaced)

    def _reason_left_out(self, name: str) -> str:
        return next((item.reason for item in self.after.left_out if item.name == name), "")

    def _hidden(self, name: str, old: Source | Connection | None, new: Source | Connection | None) -> bool:
        """Whether a fault may be the reason why the folder or one of its streams is missing."""
        for project, source in ((self.before, old), (self.after, new)):
            folder = f"{project.settings.streams}/{name}/"
            elsewhere = f"{project.settings.streams}/{DESTINATIONS}/"
            for fault in project.faults:
                if fault.file.startswith(folder) or f"{fault.file}/" == folder:
                    return True
                if source is None and (fault.file.startswith(elsewhere) or fault.file == project.settings.file):
                    return True
        return False

    def _added(self, source: Source) -> Change:
        renamed = next((o for o in self.old.values() if o.name not in self.new and same_source(o, source)), None)
        reason = ""
        if renamed:
            reason = f'; it looks like "{renamed.name}", whose sync state is lost: add "renamed_from": "{renamed.name}"'
        return connectors.source_added(self.after, source, reason)

    def _destinations(self) -> _Destinations:
        old, new = _destinations_in_use(self.before), _destinations_in_use(self.after)
        renamed = _renamed(old.values(), new.values())
        old = {renamed.get(name, name): destination for name, destination in old.items()}
        result = _Destinations([], set())
        for name in sorted({*old, *new}):
            was, becomes = old.get(name), new.get(name)
            if was is not None and becomes is not None:
                self._destination(was, becomes, result)
            elif becomes is not None:
                result.changes.append(connectors.destination_added(self.after, becomes))
            elif was is not None and not self.after.faults:
                result.changes.append(connectors.destination_removed(self.after, was))
        return result

    def _destination(self, was: Destination, becomes: Destination, result: _Destinations) -> None:
        if was.name != becomes.name:
            result.changes.append(connectors.renamed_actor(becomes, was.name))
        changes, replaced = connectors.destination(self.before, self.after, was, becomes, self.moved)
        result.changes.extend(changes)
        if replaced:
            result.replaced.add(becomes.name)

    def _unchecked(self) -> Iterator[str]:
        """Values that the files only name, and that neither they nor the stack's file hold in plain text."""
        if not self.after.settings.stack:
            yield "values of $config and $secret: no stack is named"
            return
        config: dict[str, None] = {}
        secrets: dict[str, None] = {}
        destinations = _destinations_in_use(self.after).values()
        for item in (*self.after.sources, *destinations):
            for ref in references(item.settings.configuration):
                if ref.kind == "$secret":
                    secrets[ref.name] = None
                elif self.after.settings.values.config(ref.name) is None:
                    config[ref.name] = None
        for name in sorted(config):
            yield f'$config "{name}": {self.after.settings.file} gives no value'
        if secrets:
            yield f"values and existence of secrets: {', '.join(sorted(secrets))}"


@dataclass(slots=True)
class _Destinations:
    changes: list[Change]
    replaced: set[str]


def _destinations_in_use(project: Project) -> dict[str, Destination]:
    """The destinations that a source of this stack lands in; Airbyte gets no others."""
    names = {connection.destination for connection in project.connections}
    return {destination.name: destination for destination in project.destinations if destination.name in names}


class _Named(Protocol):
    @property
    def names(self) -> tuple[str, ...]: ...


def _renamed(before: Iterable[_Named], after: Iterable[_Named]) -> dict[str, str]:
    """The names of now by those before, of what is renamed and not there any more under the old name."""
    names = {item.names[0] for item in after}
    old = {item.names[0] for item in before}
    return {
        item.names[1]: item.names[0]
        for item in after
        if len(item.names) > 1 and item.names[1] in old - names and item.names[0] not in old
    }


def same_source(source: Source, other: Source) -> bool:
    """Whether they read alike: by the same connector, with the same configuration."""
    return source.connector == other.connector and source.settings.configuration == other.settings.configuration
