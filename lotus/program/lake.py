"""The Pulumi program: what the files and the stack's settings ask for, as resources."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pulumi_airbyte as airbyte
from pulumi_airbyte.provider.faults import ProviderError
from pulumi_airbyte.provider.guard import Guard
from pulumi_airbyte.provider.values import MASK

from lotus import untrusted
from lotus.config import Connection, Destination, Project, Settings, Source, from_values, load
from lotus.config.references import with_values
from lotus.config.settings import KEYS
from lotus.errors import ConfigError, FaultsError
from lotus.example_values import refuse_example
from lotus.impact import Risk
from lotus.program import applied
from lotus.program import notes as notices
from lotus.program.adoption import LAKE, Key, adopted_imports, resource_names
from lotus.program.connection_inputs import (
    configured_streams,
    declared_namespace,
    defaults,
    schedule_args,
    tag_color,
)
from lotus.program.definitions import Definitions

if TYPE_CHECKING:
    from lotus.backfill.declared import Backfill
    from lotus.backfill.resource import BackfillReset


def settings(root: Path | None = None) -> Settings:
    """The stack's settings as Pulumi gives them; secret values stay inside the result and are never shown."""
    config = pulumi.Config("lotus")
    values: dict[str, Any] = {key: config.get(key) for key in KEYS}
    return from_values(values, stack=pulumi.get_stack(), project=root or _root())


def declare(root: Path | None = None) -> None:
    """Declare everything that the stack asks for: `lotus:lake`, `lotus:gitops`.

    Raises:
        pulumi.RunError: the files or the settings have faults (all of them are in it), or the stack asks for nothing
            (docs/pulumi-behaviour.md#errors-of-a-program).
    """
    root = root or _root()
    stack_settings = settings(root)
    if not (stack_settings.lake or stack_settings.gitops):
        if stack_settings.faults:
            raise pulumi.RunError(str(FaultsError(stack_settings.faults)))
        raise pulumi.RunError(
            f"stack {stack_settings.stack} declares nothing\n"
            f"  where: Pulumi.{stack_settings.stack}.yaml\n"
            f"  fix:   pulumi config set lotus:lake true --stack {stack_settings.stack} (the lake), "
            "or lotus:gitops true (what applies it on a push)"
        )
    if stack_settings.lake:
        _refuse_examples(stack_settings)
        _as_writer(root)
        airbyte.collect_faults()
        project = checked(load(root, stack_settings))
        missing = _missing_consents(project)
        airbyte.consent(stack_settings.confirm, setting="lotus:confirm", pending=len(missing))
        previews = pulumi.runtime.is_dry_run()
        files = "" if previews else applied.files_digest(root, stack_settings)
        lake = Lake("lake", project, files=files)
        airbyte.foretell_deletions()
        if previews and notices.wanted():
            lake.announce(root)
    if stack_settings.gitops:
        _declare_gitops(stack_settings)


def _refuse_examples(stack_settings: Settings) -> None:
    """Stops where the stack's file still has an example's server or value.

    Raises:
        pulumi.RunError: names the setting.
    """
    values = {"airbyte:serverUrl": pulumi.Config("airbyte").get("serverUrl")}
    for name in stack_settings.values.config_names():
        setting = stack_settings.values.config(name)
        values[f"lotus:config.{name}"] = setting.value if setting else None
    try:
        for name, value in values.items():
            refuse_example(value, name, where=f"Pulumi.{stack_settings.stack}.yaml")
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None


def _as_writer(root: Path) -> None:
    """Stops before anything is declared where somebody else than the stack's writer would change it.

    Raises:
        pulumi.RunError: names the writer, and how to continue. A preview continues, except from a local state,
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
        setting = f"Pulumi.{stack}.yaml: airbyte:writer"
        raise pulumi.RunError(f"{refusal.what}\n  where: {setting}\n  fix:   {refusal.fix}")
    if pulumi.runtime.is_dry_run():
        return
    try:
        guard.enter(pulumi.get_project(), stack)
    except ProviderError as error:
        raise pulumi.RunError(str(error)) from None


def _declare_gitops(stack_settings: Settings) -> None:
    """What makes the operator apply the lake; pulumi-kubernetes takes 0.9 s to import, so only who asks for it pays."""
    from lotus.gitops.settings import gitops_settings

    try:
        gitops = gitops_settings(stack_settings.gitops, where=f"Pulumi.{stack_settings.stack}.yaml: lotus:gitops")
        from lotus.gitops.component import GitOps

        GitOps("gitops", gitops)
    except ConfigError as error:
        raise pulumi.RunError(str(error)) from None


def checked(project: Project) -> Project:
    """The project if it has no faults; hints and what is left out are said on the way.

    Raises:
        pulumi.RunError: with every fault of every file. Leaving a faulty source out would delete it.
    """
    for hint in project.hints:
        pulumi.log.info(hint.text())
    if project.left_out:
        left_out = [f"  {item.name}: {item.reason}" for item in project.left_out]
        pulumi.log.info(untrusted.lines("left out:", *left_out))
    if project.faults:
        raise pulumi.RunError(str(FaultsError(project.faults)))
    if project.unresolved and not pulumi.runtime.is_dry_run():
        names = ", ".join(project.unresolved)
        raise pulumi.RunError(
            f"no value for secret {names}; LOTUS_OFFLINE lets a preview run without it, but not an update\n"
            "  where: environment variable LOTUS_OFFLINE\n"
            "  fix:   unset it, and give the values (lotus validate says how)"
        )
    for name in project.unresolved:
        pulumi.log.info(f'secret "{name}" has no value here; the preview takes the value in the state, unchecked')
    return project


class Lake(pulumi.ComponentResource):
    """All destinations, sources and connections of one stack.

    Names are those of the files: `shopify`, `lake`, `shopify-to-lake`. A connection depends on its source and
    destination through their ids, so that removing a source deletes its connection first.

    Args:
        files: the digest of the files, which the state keeps: what a later preview compares with.
    """

    def __init__(
        self, name: str, project: Project, opts: pulumi.ResourceOptions | None = None, *, files: str = ""
    ) -> None:
        super().__init__(LAKE, name, None, opts)
        self._project = project
        self._imports = adopted_imports(project)
        self._workspace, self._missing = project.settings.workspace, _missing_consents(project)
        self.connections: dict[str, airbyte.Connection] = {}
        self._definitions = Definitions(self._workspace, self._options)
        self._tags_by_name: dict[str, airbyte.Tag] = {}
        self._resources: dict[tuple[str, str], pulumi.Resource] = {}
        destination_names = {connection.destination for connection in project.connections}
        destinations = {d.name: self._destination(d) for d in project.destinations if d.name in destination_names}
        self._resources.update({("destination", name): resource for name, resource in destinations.items()})
        sources = {source.name: self._source(source) for source in project.sources}
        self._resources.update({("source", name): resource for name, resource in sources.items()})
        self._declare_connections(sources, destinations)
        connections = {n: c.connection_id for n, c in self.connections.items()}
        self.register_outputs({"connections": connections, **({notices.FILES: files} if files else {})})

    def _declare_connections(
        self, sources: Mapping[str, airbyte.Source], destinations: Mapping[str, airbyte.Destination]
    ) -> None:
        for connection in self._project.connections:
            if connection.streams:
                source, destination = sources[connection.source.name], destinations[connection.destination]
                resource = self._connection(connection, source, destination)
                self.connections[connection.name] = resource
                self._resources["connection", connection.resource] = resource
                self._backfills(connection, resource)

    def _options(self, kind: type[pulumi.Resource], names: Sequence[str], **more: Any) -> pulumi.ResourceOptions:
        """What every resource has: the names that it had before, and the object that it takes over."""
        aliases = [pulumi.Alias(name=name) for name in names[1:]]
        import_id = self._imports.get((kind.__name__, names[0]))
        return pulumi.ResourceOptions(parent=self, aliases=aliases, import_=import_id, **more)

    def _destination(self, destination: Destination) -> airbyte.Destination:
        definition, configuration = self._definitions.of_destination(destination)
        return airbyte.Destination(
            destination.name,
            self._options(airbyte.Destination, destination.names),
            workspace_id=self._workspace,
            name=destination.title,
            definition_id=definition,
            configuration={
                **configuration,
                **self._resolved(destination.configuration, ("Destination", destination.name)),
            },
        )

    def _source(self, source: Source) -> airbyte.Source:
        definition, configuration = self._definitions.of_source(source)
        return airbyte.Source(
            source.name,
            self._options(airbyte.Source, source.names),
            workspace_id=self._workspace,
            name=source.title,
            definition_id=definition,
            configuration={**configuration, **self._resolved(source.configuration, ("Source", source.name))},
        )

    def _connection(
        self, connection: Connection, source: airbyte.Source, destination: airbyte.Destination
    ) -> airbyte.Connection:
        options = connection.settings
        namespace = declared_namespace(connection)
        destination_file = self._project.destination_of(connection)
        names = resource_names(connection, destination_file)
        return airbyte.Connection(
            names[0],
            self._options(airbyte.Connection, names),
            source_id=source.source_id,
            destination_id=destination.destination_id,
            name=connection.title_to(destination_file),
            configurations=cast("Any", {"streams": self._streams(connection)}),
            schedule=schedule_args(connection.schedule) if connection.schedule else None,
            namespace_definition=namespace.definition if namespace else None,
            namespace_format=namespace.format if namespace else None,
            prefix=options.prefix,
            non_breaking_schema_updates_behavior=options.non_breaking_schema_updates_behavior,
            status=options.status,
            tags=self._tags(connection),
            defaults=defaults(connection),
        )

    def _streams(self, connection: Connection) -> list[dict[str, Any]]:
        """The streams with the keys of their mappers as Pulumi secrets."""
        streams = configured_streams(connection.streams)
        return [self._resolved({**stream}, ("Connection", connection.resource)) for stream in streams]

    def _tags(self, connection: Connection) -> list[pulumi.Input[airbyte.ConnectionTagArgs]] | None:
        """The tags that a connection declares; each is one object of the workspace, whoever else names it."""
        if connection.settings.tags is None:
            return None
        return [
            {"tag_id": tag.tag_id, "workspace_id": self._workspace, "name": name, "color": tag.color}
            for name, tag in ((name, self._tag(name)) for name in connection.settings.tags)
        ]

    def _tag(self, name: str) -> airbyte.Tag:
        if name not in self._tags_by_name:
            # Its colour is nobody's setting: it gets one, and keeps what people make of it.
            options = self._options(airbyte.Tag, [f"tag-{name}"], ignore_changes=["color"])
            self._tags_by_name[name] = airbyte.Tag(
                f"tag-{name}", options, workspace_id=self._workspace, name=name, color=tag_color(name)
            )
        return self._tags_by_name[name]

    def announce(self, root: Path) -> None:
        """Says in a preview, on each resource, what the files change in the data, compared with what is applied."""

        async def say(urns: list[str]) -> None:
            self._say(root, await airbyte.applied(urns[0]))

        # With its URN a resource has been planned.
        pulumi.Output.all(self.urn, *(resource.urn for resource in self._resources.values())).apply(say)

    def _say(self, root: Path, lake: airbyte.Applied | None) -> None:
        comparison = notices.changes(root, self._project.settings, lake)
        if comparison is None:
            return
        base, changes = comparison
        pulumi.log.info(base.heading, resource=self)
        for key, of_resource in notices.by_resource(changes).items():
            text = "\n".join(notices.notice(change) for change in of_resource)
            worst = of_resource[0].risk
            # What is deleted is no resource of this program any more: the lake itself says so.
            log = pulumi.log.info if worst is Risk.LOW else pulumi.log.warn
            log(text, resource=self._resources.get(key, self))

    def _backfills(self, connection: Connection, resource: airbyte.Connection) -> None:
        """One request for each stream whose file has a `backfill`; most lakes have none, and import none of this."""
        if not any(stream.backfill for stream in connection.streams):
            return
        from lotus.backfill.declared import backfills, consent
        from lotus.backfill.resource import BackfillReset

        def consent_of(backfill: Backfill) -> str:
            return consent(backfill, self._project.settings, self._missing)

        destination = self._project.destination_of(connection)
        requested = backfills(connection, destination, self._project.settings.confirm)
        agreed = [backfill for backfill in requested if consent_of(backfill) == "given"]
        for each in requested:
            reset = BackfillReset(
                each.name,
                connection_id=resource.connection_id,
                connection=each.connection,
                stream=each.request.stream,
                namespace=each.request.namespace,
                request=each.request.request,
                mode=each.request.mode,
                start=each.request.start,
                sync=each.request.sync,
                cursor_field=each.request.cursor_field,
                siblings=[other.properties for other in agreed if other is not each],
                consent=consent_of(each),
                opts=self._options(BackfillReset, [each.name, *each.former_names], depends_on=[resource]),
            )
            self._warn(each, destination, resource, reset)

    def _warn(
        self, backfill: Backfill, destination: Destination, connection: airbyte.Connection, reset: BackfillReset
    ) -> None:
        """Says in a preview what the request does to the data."""
        if not pulumi.runtime.is_dry_run() or self._project.settings.offline:
            return
        from lotus.backfill.forecast import notice

        configuration = self._plain(destination.configuration)

        async def say(connection_id: str) -> None:
            text = await notice(backfill, connection_id, destination.settings.connector, configuration)
            if text:
                pulumi.log.warn(text, resource=reset)

        connection.connection_id.apply(say)

    def _plain(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration with secrets in place of their names, for reading the bucket; never an output."""
        return with_values(configuration, lambda reference: self._project.secrets.get(reference.name))

    def _resolved(self, configuration: Mapping[str, Any], key: Key) -> dict[str, Any]:
        """The configuration of a resource with values in place of `$secret`, as Pulumi secrets.

        What is taken over keeps the secrets that Airbyte holds, as the mask says; the next `up` writes those given.
        """
        secrets = {} if key in self._imports else self._project.secrets
        return with_values(configuration, lambda reference: pulumi.Output.secret(secrets.get(reference.name, MASK)))


def _missing_consents(project: Project) -> list[str]:
    """What the backfills need; most lakes have none, and import none of this."""
    if not any(stream.backfill for connection in project.connections for stream in connection.streams):
        return []
    from lotus.backfill.declared import missing_consents

    return missing_consents(project)


def _root() -> Path:
    """The project's folder: the engine says it, and it stays right when `main` points elsewhere."""
    return Path(pulumi.get_root_directory() or Path.cwd())
