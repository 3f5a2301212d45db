"""`lotus sources add` and `lotus destinations add`: from a connector's spec to checked files.

Nothing is written before the configuration fits the spec and the connector's own check succeeds; the file that makes
the source or destination count is written last.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pulumi_airbyte.api import Airbyte

from lotus.authoring import connectors
from lotus.authoring.connectors import ConnectorTrial, Role, Specification
from lotus.authoring.discover import Discovery, Offer, offer_of, record
from lotus.authoring.files import json_text, write
from lotus.authoring.fmt import formatted
from lotus.authoring.questions import Ask, Filled, Remembering, assignments, fill
from lotus.authoring.schema import FOLDER as SCHEMAS
from lotus.authoring.schema import reference_to
from lotus.config import Fault, Settings, catalog
from lotus.config import connector as connector_names
from lotus.config import manifest as manifest_rules
from lotus.config.connector import Connector
from lotus.config.document import Document, read
from lotus.config.landing import HIVE, is_s3
from lotus.config.models import DestinationFile, SourceFile
from lotus.config.project import DESTINATIONS, DISCOVERED, SOURCE_FILE, SPEC_FILE
from lotus.config.references import Values, references
from lotus.config.shape import checked
from lotus.config.specification import Configuration
from lotus.errors import ConfigError, FaultsError, RemoteError, SecretError
from lotus.local import connectors as local_connectors
from lotus.local import dev
from lotus.local.connectors import LockFile
from lotus.private_folder import make_folder
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session
from lotus.untyped import as_mapping, is_mapping

Say = Callable[[str], None]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_S3_CONTRACT = {
    "s3_bucket_path": "raw",
    "s3_path_format": HIVE,
    "file_name_pattern": "part_{part_number}.parquet",
    "format": {"format_type": "Parquet", "compression_codec": "SNAPPY"},
}
"""What readers of the landing zone expect (lotus-lake's feeders, Hive readers); `--set` overrides it."""


@dataclass(frozen=True, slots=True)
class New:
    """What a person says of a new source or destination."""

    connector: str
    name: str | None = None
    sets: tuple[str, ...] = ()
    schedule: str | None = None
    destination: str | None = None
    manifest: Path | None = None
    check: bool = True


@dataclass(frozen=True, slots=True)
class AddedActor:
    """What was added. `told` are the secrets whose values were asked for; `kept` is the folder that holds them."""

    role: Role
    name: str
    files: tuple[str, ...]
    message: str
    discovery: Discovery | None
    told: tuple[str, ...]
    kept: str


def add_actor(
    session: Session,
    role: Role,
    new: New,
    *,
    ask: Ask,
    say: Say = lambda _line: None,
) -> AddedActor:
    """Adds a source or destination to the files.

    Raises:
        ConfigError: the name is taken or invalid, the connector is unknown, a setting is missing or wrong.
        SecretError: a secret has no value here, and nobody can be asked.
        RemoteError: the connector's check failed.
    """
    prepared = _prepared(session.root, session.settings, role, new)
    with in_our_words():
        return asyncio.run(_add(session, prepared, Remembering(ask) if ask else None, say))


@dataclass(frozen=True, slots=True)
class _Prepared:
    new: New
    written: str
    """The connector as the file has it."""
    trial: ConnectorTrial
    file: Path
    lock: LockFile | None = None
    """What the connector's environment is made of, where lotus installed it."""
    definitions: list[dict[str, Any]] | None = None
    """The server's definitions, where they were looked at already."""


def _prepared(project: Path, settings: Settings, role: Role, new: New) -> _Prepared:
    manifest: Mapping[str, Any] | None = None
    if new.manifest is not None:
        manifest = _manifest(new.manifest, components=settings.components)
        written, connector = "", Connector("manifest", "_manifest.yaml")
        name = new.name or new.manifest.stem.strip("_").removesuffix("_manifest")
    else:
        written, connector = _connector(new.connector, role)
        name = new.name or re.sub(r"[^a-z0-9_-]+", "-", connector.value.removeprefix(f"{role}-").lower())
        if connector.kind == "definition" and not new.name:
            raise ConfigError("a definition id gives no name", where="--name", fix="add --name NAME")
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f'"{name}" cannot be a name', where="--name", fix="use letters, digits, -, _ and .", code="LOT009"
        )
    streams = project / settings.streams
    file = streams / name / SOURCE_FILE if role == "source" else streams / DESTINATIONS / f"{name}.json"
    if file.exists():
        fix = (
            f"edit the file, then lotus discover {name}; or give another --name"
            if role == "source"
            else "edit that file"
        )
        raise ConfigError(f'{role} "{name}" exists already', where=file.relative_to(project).as_posix(), fix=fix)
    return _Prepared(new, written, ConnectorTrial(role, name, connector, manifest=manifest), file)


def _connector(text: str, role: Role) -> tuple[str, Connector]:
    connector = connector_names.parse(text, role)
    if isinstance(connector, str) and re.fullmatch(r"[a-z0-9][a-z0-9-]*", text):
        text = f"{role}-{text}"
        connector = connector_names.parse(text, role)
    if isinstance(connector, str):
        raise ConfigError(connector, fix=connector_names.suggestion(text, role), code="LOT040")
    return text, connector


def _manifest(path: Path, *, components: bool) -> Mapping[str, Any]:
    """A manifest that the CDK accepts.

    Raises:
        FaultsError: it cannot be read, or cannot run; all of its faults are named.
    """
    faults: list[Fault] = []
    manifest = manifest_rules.read_manifest(path, str(path), faults, custom=components and _code_beside(path) != "")
    if manifest is None:
        raise FaultsError(faults)
    # As JSON: what YAML reads as dates are texts for Airbyte.
    return as_mapping(json.loads(json.dumps(manifest, default=str)))


def _code_beside(path: Path) -> str:
    """The code of a manifest's own components; empty if there is none."""
    file = path.with_name(manifest_rules.COMPONENTS)
    return file.read_text(encoding="utf-8") if file.is_file() else ""


async def _add(
    session: Session,
    prepared: _Prepared,
    ask: Remembering | None,
    say: Say,
) -> AddedActor:
    workspace, settings, environment = session.workspace, session.settings, session.environment
    async with session.airbyte() as airbyte:
        prepared = await _installed(session, airbyte, prepared, say)
        trial, new = prepared.trial, prepared.new
        say(f"asking {prepared.written or 'the manifest'} for its spec")
        existing = prepared.definitions
        async with connectors.definition(airbyte, workspace, trial, definitions=existing) as definition:
            specification = await connectors.specification_of(airbyte, workspace, trial, definition)
            settings_given = _settings_given(trial.role, prepared.written, new.sets, specification.schema)
            while True:
                filled = await asyncio.to_thread(
                    fill,
                    specification.schema,
                    settings_given,
                    name=trial.name,
                    ask=ask,
                    has_value=lambda s: bool(settings.values.secret(s)),
                )
                content = _content(session.root, settings, prepared, filled)
                _check_content(prepared, session.root, content, specification)
                folder = _keep(session.root, settings, environment, filled.secrets)
                message, offer = "", None
                if not new.check:
                    break
                tried = _with_secrets(settings, environment, filled.secrets)
                try:
                    message, offer = await _tried(
                        airbyte, workspace, tried, prepared, filled, definition, specification, say
                    )
                    break
                except RemoteError as error:
                    if ask is None or not await asyncio.to_thread(ask.again, error.what):
                        raise
    files, discovery = _written(session.root, settings, prepared, content, specification, offer)
    return AddedActor(trial.role, trial.name, files, message, discovery, tuple(filled.secrets), folder)


async def _installed(session: Session, airbyte: Airbyte, prepared: _Prepared, say: Say) -> _Prepared:
    """With a connector that the server has, or else a version of its package, installed here and pinned."""
    trial = prepared.trial
    connector = trial.connector
    if trial.role == "destination" or connector.kind not in ("type", "image"):
        return prepared
    if connector.kind == "image":
        if not _is_local(session):
            return prepared
        report = await asyncio.to_thread(local_connectors.install_one, connector, say)
        report.require(prepared.written)
        return replace(prepared, lock=report.lock)
    definitions = await airbyte.definitions(trial.role, session.workspace)
    prepared = replace(prepared, definitions=definitions)
    if connectors.existing_definition(definitions, trial.role, connector):
        if _is_local(session):
            report = await asyncio.to_thread(local_connectors.install_one, connector, say)
            report.require(prepared.written)
        return prepared
    if connector.value not in catalog.on_pypi():
        raise connectors.unknown(definitions, trial.role, connector)
    package = f"airbyte-source-{connector.value}"
    newest = await asyncio.to_thread(local_connectors.newest, package, say)
    for version, reason in newest.skipped:
        say(f"{package} {version} is left out: {reason}")
    say(f"{package}=={newest.version} is the newest version that runs here; the file pins it")
    pinned = Connector("image", f"source-{connector.value}", newest.version)
    return replace(prepared, written=pinned.requirement, trial=replace(trial, connector=pinned), lock=newest.lock)


def _is_local(session: Session) -> bool:
    return session.settings.stack == dev.STACK


def _settings_given(role: Role, written: str, sets: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    assigned = assignments(sets, schema)
    if role == "destination" and is_s3(written):
        assigned = {**_S3_CONTRACT, **assigned}
    return assigned


def _content(project: Path, settings: Settings, prepared: _Prepared, filled: Filled) -> dict[str, Any]:
    role, new = prepared.trial.role, prepared.new
    content: dict[str, Any] = {}
    if (project / settings.streams / SCHEMAS / f"{role}.json").is_file():
        content["$schema"] = reference_to(role)
    if prepared.written:
        content["connector"] = prepared.written
    else:
        content["manifest"] = prepared.trial.connector.value
    content["configuration"] = filled.configuration
    if new.destination:
        content["destination"] = new.destination
    if new.schedule:
        content["schedule"] = new.schedule
    return content


def _check_content(
    prepared: _Prepared, project: Path, content: Mapping[str, Any], specification: Specification
) -> None:
    """The same checks that validate makes, before anything is sent or written."""
    name = prepared.file.relative_to(project).as_posix()
    document = Document(name, json_text(content), dict(content))
    faults: list[Fault] = []
    model = checked(document, SourceFile if prepared.trial.role == "source" else DestinationFile, faults)
    if model is not None:
        check = Configuration(document, faults, name=prepared.trial.name)
        check.check_references(model.configuration)
        check.check(specification.file()["connection_specification"], model.configuration)
    if faults:
        raise FaultsError(faults)


def _keep(project: Path, settings: Settings, environment: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    """Saves the dev stack's secrets in a folder that git ignores; returns the folder, empty for other stacks."""
    if not secrets or settings.stack != dev.STACK:
        return ""
    folder = dev.secrets_folder(project)
    if environment.get("LOTUS_SECRETS_DIR", str(folder)) != str(folder):
        return ""
    make_folder(folder)
    for name, value in secrets.items():
        file = folder / name
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(value, encoding="utf-8")
    return str(folder)


def _with_secrets(settings: Settings, environment: Mapping[str, str], secrets: Mapping[str, str]) -> Settings:
    """The settings with the new secrets; values that the stack's file has encrypted cannot be read here."""
    more = {f"LOTUS_SECRET_{name.upper()}": value for name, value in secrets.items()}
    config = {
        name: setting.value for name in settings.values.config_names() if (setting := settings.values.config(name))
    }
    return replace(settings, values=Values(config, {}, {**environment, **more}))


async def _tried(
    airbyte: Airbyte,
    workspace: str,
    settings: Settings,
    prepared: _Prepared,
    filled: Filled,
    definition: connectors.Definition,
    specification: Specification,
    say: Say,
) -> tuple[str, Offer | None]:
    trial = prepared.trial
    file = prepared.file.parent.name + "/" + prepared.file.name
    missing = _without_value(settings, filled.configuration)
    if missing:
        raise SecretError(
            f"{trial.name} cannot be checked: no value is available for {', '.join(missing)}",
            where=file,
            fix=f"set {' and '.join(missing)}, or add it without a check: --no-check",
            code="LOT047",
        )
    values = connectors.resolved(settings, filled.configuration, where=file, schema=specification.schema)
    if prepared.new.manifest is not None and settings.components:
        values |= manifest_rules.injected(_code_beside(prepared.new.manifest))
    say(f"{trial.name}: checking the connection")
    async with connectors.stored(airbyte, workspace, replace(trial, configuration=values), definition) as actor_id:
        source = trial.role == "source"
        result = await (airbyte.check_source if source else airbyte.check_destination)(actor_id)
        if not result["succeeded"]:
            raise RemoteError(
                f"the check of {trial.name} failed: {result['message']}",
                where=trial.connector.value,
                fix="fix what the message names and add it again, or use --no-check; nothing was written",
            )
        if not source:
            return result["message"], None
        say(f"{trial.name}: discovering its streams")
        offered = await connectors.discovered(airbyte, actor_id, trial)
        return result["message"], offer_of(specification, offered)


def _without_value(settings: Settings, configuration: Mapping[str, Any]) -> list[str]:
    """The environment variables that would give what is missing."""
    values = settings.values
    return [
        f"LOTUS_{item.kind.removeprefix('$').upper()}_{item.name.upper()}"
        for item in references(configuration)
        if not (values.secret(item.name) if item.kind == "$secret" else values.config(item.name))
    ]


def _keep_default(project: Path, added: Path) -> list[Path]:
    """Marks the only destination so far as the default: with a second one, the others would no longer know it."""
    existing = [path for path in sorted(added.parent.glob("*.json")) if not path.name.startswith(("_", "."))]
    if len(existing) != 1:
        return []
    document = read(existing[0], existing[0].name, [])
    if document is None or not is_mapping(document.value) or document.value.get("default") is True:
        return []
    write(project, existing[0], formatted({**document.value, "default": True}, "destination"))
    return existing


def _written(
    project: Path,
    settings: Settings,
    prepared: _Prepared,
    content: Mapping[str, Any],
    specification: Specification,
    offer: Offer | None,
) -> tuple[tuple[str, ...], Discovery | None]:
    trial, file = prepared.trial, prepared.file
    files: list[Path] = []
    discovery: Discovery | None = None
    if trial.role == "destination":
        spec = file.parent / DISCOVERED / file.name
        write(project, spec, json_text(specification.file()))
        files.append(spec)
    elif offer is not None:
        discovery = record(project, settings, trial.name, offer)
    else:
        spec = file.parent / DISCOVERED / SPEC_FILE
        write(project, spec, json_text(specification.file()))
        files.append(spec)
    if prepared.lock is not None:
        lock = local_connectors.locks_of(project, settings) / prepared.lock.name
        write(project, lock, prepared.lock.text)
        files.append(lock)
    if prepared.new.manifest is not None:
        target = file.parent / trial.connector.value
        write(project, target, prepared.new.manifest.read_text(encoding="utf-8"))
        files.append(target)
        if settings.components and (code := _code_beside(prepared.new.manifest)):
            write(project, target.with_name(manifest_rules.COMPONENTS), code)
            files.append(target.with_name(manifest_rules.COMPONENTS))
    if trial.role == "destination":
        files += _keep_default(project, file)
    write(project, file, json_text(content))
    names = [path.relative_to(project).as_posix() for path in (file, *files)]
    return (*names, *(discovery.written if discovery else ())), discovery
