"""The Pulumi program: what the files and the stack's settings ask for, as resources."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pulumi_airbyte as airbyte
from pulumi_airbyte.provider.faults import ProviderError
from pulumi_airbyte.provider.guard import Guard

from lotus import notices
from lotus.catalog import configured_streams
from lotus.config import Destination, Project, Settings, Source, from_values, load
from lotus.config.connector import Connector
from lotus.config.references import reference
from lotus.config.settings import KEYS
from lotus.errors import ConfigError, FaultsError
from lotus.impact import Risk

if TYPE_CHECKING:
    from lotus.backfill import BackfillReset
    from lotus.reread.declared import Backfill


def settings(root: Path | None = None) -> Settings:
    """The stack's settings as Pulumi gives them; secret values stay inside the result and are never shown."""
    config = pulumi.Config("lotus")
    given: dict[str, Any] = {key: config.get(key) for key in KEYS}
    return from_values(given, stack=pulumi.get_stack(), project=root or _root())


def declare(root: Path | None = None) -> None:
    """Declare everything that the stack asks for: `lotus:lake`, `lotus:gitops`.

    Raises:
        pulumi.RunError: the files or the settings have faults (all of them are in it), or the stack asks for nothing.
    """
    root = root or _root()
    held = settings(root)
    if not (held.lake or held.gitops):
        if held.faults:
            raise pulumi.RunError(str(FaultsError(held.faults)))
        raise pulumi.RunError(
            f"stack {held.stack} asks for nothing\n"
            f"  where: Pulumi.{held.stack}.yaml\n"
            "  fix:   pulumi config set lotus:lake true (the lake), or lotus:gitops true (what applies it on a push)"
        )
    if held.lake:
        _as_writer(root)
        airbyte.consent(held.confirm, setting="lotus:confirm")
        lake = Lake("lake", checked(load(root, held)))
        airbyte.foretell_deletions()
        if pulumi.runtime.is_dry_run():
            lake.announce(root)
    if held.gitops:
        _declare_gitops(held)


def _as_writer(root: Path) -> None:
    """Stops before anything is declared where somebody else than the stack's writer would change it.

    Raises:
        pulumi.RunError: says who the writer is, and how to go on. A preview goes on, except from a state of one's own,
            which would show the whole lake as new.
    """
    stack = pulumi.get_stack()
    writer = pulumi.Config("airbyte").get("writer")
    if not writer:
        return
    from lotus.gitops.deliveries import delivery_of

    delivery = delivery_of(root, stack)
    guard = Guard(writer, {"PULUMI_ROOT_DIRECTORY": str(root), **os.environ}, delivery.state if delivery else "")
    refusal = guard.own_state(stack) if pulumi.runtime.is_dry_run() else guard.refusal(stack)
    if refusal:
        where = f"Pulumi.{stack}.yaml: airbyte:writer"
        raise pulumi.RunError(f"{refusal.what}\n  where: {where}\n  fix:   {refusal.fix}")
    if pulumi.runtime.is_dry_run():
        return
    try:
        guard.enter(pulumi.get_project(), stack)
    except ProviderError as error:
        raise pulumi.RunError(str(error)) from None


def _declare_gitops(held: Settings) -> None:
    """What makes the operator apply the lake; pulumi-kubernetes takes 0.9 s to import, so only who asks for it pays."""
    from lotus.gitops.settings import gitops_settings

    try:
        asked = gitops_settings(held.gitops, where=f"Pulumi.{held.stack}.yaml: lotus:gitops")
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None
    from lotus.gitops.component import GitOps

    GitOps("gitops", asked)


def checked(project: Project) -> Project:
    """The project if it has no faults; hints and what is left out are said on the way.

    Raises:
        pulumi.RunError: with every fault of every file. Leaving a faulty source out would delete it.
    """
    for hint in project.hints:
        pulumi.log.info(hint.text())
    if project.left_out:
        pulumi.log.info("\n".join(["left out:", *(f"  {item.name}: {item.reason}" for item in project.left_out)]))
    if project.faults:
        raise pulumi.RunError(str(FaultsError(project.faults)))
    if project.unresolved and not pulumi.runtime.is_dry_run():
        names = ", ".join(project.unresolved)
        raise pulumi.RunError(
            f"no value for secret {names}: LOTUS_OFFLINE lets a preview do without, never an update\n"
            "  where: environment variable LOTUS_OFFLINE\n"
            "  fix:   unset it, and give the values (lotus validate says how)"
        )
    for name in project.unresolved:
        pulumi.log.info(f'secret "{name}" has no value here: what the state holds is taken for it, and is not checked')
    return project


class Lake(pulumi.ComponentResource):
    """All destinations, sources and connections of one stack.

    Names are those of the files: `shopify`, `lake`, `shopify-to-lake`. A connection depends on its source and
    destination through their ids, so that removing a source deletes its connection first.
    """

    def __init__(self, name: str, project: Project, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lotus:index:Lake", name, None, opts)
        self._project = project
        self._workspace = project.settings.workspace
        self.connections: dict[str, airbyte.Connection] = {}
        self._declared: dict[tuple[str, str], pulumi.Resource] = {}
        used = {source.destination for source in project.sources}
        destinations = {d.name: self._destination(d) for d in project.destinations if d.name in used}
        self._declared.update({("destination", name): made for name, made in destinations.items()})
        for source in project.sources:
            declared = self._source(source)
            self._declared["source", source.name] = declared
            if source.streams:
                destination = project.destination(source.destination)
                connection = self._connection(source, declared, destination, destinations[source.destination])
                self.connections[source.name] = connection
                self._declared["connection", f"{source.name}-to-{destination.name}"] = connection
                self._backfills(source, destination, connection)
        self.register_outputs({"connections": {n: c.connection_id for n, c in self.connections.items()}})

    def _options(self, **more: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **more)

    def _destination(self, destination: Destination) -> airbyte.Destination:
        definition, configuration = self._connector(destination.connector, "destination", destination.name)
        return airbyte.Destination(
            destination.name,
            self._options(),
            workspace_id=self._workspace,
            name=destination.title,
            definition_id=definition,
            configuration={**configuration, **self._resolved(destination.configuration)},
        )

    def _source(self, source: Source) -> airbyte.Source:
        if source.manifest is not None:
            definition: pulumi.Input[str] | None = airbyte.DeclarativeSourceDefinition(
                f"{source.name}-manifest",
                self._options(),
                workspace_id=self._workspace,
                name=source.title,
                manifest=source.manifest,
            ).definition_id
            configuration: dict[str, Any] = {}
        else:
            definition, configuration = self._connector(source.connector, "source", source.name)
        return airbyte.Source(
            source.name,
            self._options(),
            workspace_id=self._workspace,
            name=source.title,
            definition_id=definition,
            configuration={**configuration, **self._resolved(source.configuration)},
        )

    def _connector(self, connector: Connector, role: str, name: str) -> tuple[pulumi.Input[str] | None, dict[str, Any]]:
        """How the API is told which connector is meant: a definition id, or a type inside the configuration."""
        if connector.kind == "definition":
            return connector.value, {}
        if connector.kind == "image":
            definition = airbyte.SourceDefinition if role == "source" else airbyte.DestinationDefinition
            made = definition(
                f"{name}-connector",
                self._options(),
                workspace_id=self._workspace,
                name=f"{connector.value} {connector.version}",
                docker_repository=connector.repository,
                docker_image_tag=connector.version,
            )
            return made.definition_id, {}
        return None, {f"{role}Type": connector.value}

    def _connection(
        self,
        source: Source,
        declared: airbyte.Source,
        destination: Destination,
        landed: airbyte.Destination,
    ) -> airbyte.Connection:
        options = source.settings.connection
        namespace = options.namespace_definition or "custom_format"
        schedule: airbyte.ConnectionScheduleArgs = {"schedule_type": "manual"}
        if source.schedule:
            schedule = {"schedule_type": "cron", "cron_expression": source.schedule}
        return airbyte.Connection(
            f"{source.name}-to-{destination.name}",
            self._options(),
            source_id=declared.source_id,
            destination_id=landed.destination_id,
            name=source.connection_to(destination),
            configurations=cast("Any", {"streams": configured_streams(source.streams)}),
            schedule=schedule,
            namespace_definition=namespace,
            namespace_format=(options.namespace_format or source.name) if namespace == "custom_format" else None,
            prefix=options.prefix,
            non_breaking_schema_updates_behavior=options.non_breaking_schema_updates_behavior or "propagate_columns",
            status=options.status or "active",
        )

    def announce(self, root: Path) -> None:
        """Says in a preview, on each resource, what the files' changes since the main branch do to the data."""
        held = self._project.settings
        base, found = notices.changes(root, held.stack, held.streams)
        if not base or not found:
            return
        pulumi.log.info(f"what the files change since {base}, as `lotus diff {base}` says:", resource=self)
        for key, of_resource in notices.by_resource(found).items():
            text = "\n".join(notices.notice(change) for change in of_resource)
            worst = of_resource[0].risk
            # What is deleted is no resource of this program any more: the lake itself says so.
            log = pulumi.log.info if worst is Risk.LOW else pulumi.log.warn
            log(text, resource=self._declared.get(key, self))

    def _backfills(self, source: Source, destination: Destination, connection: airbyte.Connection) -> None:
        """One request for each stream whose file has a `backfill`; most lakes have none, and import none of this."""
        if not any(stream.backfill for stream in source.streams):
            return
        from lotus.backfill import BackfillReset
        from lotus.reread.declared import backfills, consent

        asked = backfills(source, destination, self._project.settings.confirm)
        for each in asked:
            made = BackfillReset(
                each.name,
                connection_id=connection.connection_id,
                connection=each.connection,
                stream=each.wanted.stream,
                namespace=each.wanted.namespace,
                request=each.wanted.request,
                mode=each.wanted.mode,
                start=each.wanted.start,
                sync=each.wanted.sync,
                cursor_field=each.wanted.cursor_field,
                beside=[other.properties for other in asked if other is not each and consent(other) == "given"],
                consent=consent(each),
                opts=self._options(depends_on=[connection]),
            )
            if pulumi.runtime.is_dry_run() and not self._project.settings.offline:
                self._tell(each, destination, connection, made)

    def _tell(
        self, backfill: Backfill, destination: Destination, connection: airbyte.Connection, made: BackfillReset
    ) -> None:
        """The preview says what the request does to the data."""
        from lotus.reread.impact import tell

        configuration = self._plain(destination.configuration)

        async def say(connection_id: str) -> None:
            notice = await tell(backfill, connection_id, destination.settings.connector, configuration)
            if notice:
                pulumi.log.warn(notice, resource=made)

        connection.connection_id.apply(say)

    def _plain(self, value: Any) -> Any:
        """A configuration with secrets in place of their names, for reading the bucket; never an output."""
        found = reference(value)
        if found:
            return self._project.secrets.get(found[1])
        if isinstance(value, Mapping):
            return {key: self._plain(item) for key, item in cast("Mapping[str, Any]", value).items()}
        if isinstance(value, list):
            return [self._plain(item) for item in cast("list[Any]", value)]
        return value

    def _resolved(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration with values in place of `$secret`, as Pulumi secrets."""
        return {key: self._value(item) for key, item in configuration.items()}

    def _value(self, value: Any) -> Any:
        found = reference(value)
        if found:
            return pulumi.Output.secret(self._project.secrets.get(found[1], KEPT))
        if isinstance(value, dict):
            return self._resolved(cast("dict[str, Any]", value))
        if isinstance(value, list):
            return [self._value(item) for item in cast("list[Any]", value)]
        return value


KEPT = "*" * 10
"""Airbyte's mask: a secret leaf with this value keeps what is stored, and is no change."""


def _root() -> Path:
    """The project's folder: the engine says it, and it stays right when `main` points elsewhere."""
    return Path(pulumi.get_root_directory() or Path.cwd())
