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
from typing import Any, cast

import yaml
from pulumi_airbyte.api import Airbyte

from lotus.config import Fault, Settings
from lotus.config import connector as connector_names
from lotus.config.connector import Connector
from lotus.config.document import Document
from lotus.config.landing import HIVE, is_s3
from lotus.config.models import DestinationFile, SourceFile
from lotus.config.project import DESTINATIONS, DISCOVERED, SOURCE_FILE, SPEC_FILE
from lotus.config.references import Values, references
from lotus.config.shape import checked
from lotus.config.specification import Configuration
from lotus.errors import ConfigError, FaultsError, RemoteError, SecretError
from lotus.operations import connectors, dev
from lotus.operations.airbyte import client, in_our_words
from lotus.operations.connectors import Role, Specification, Wanted
from lotus.operations.discover import Discovery, Offer, offer_of, record, settings_of
from lotus.operations.files import json_text, write
from lotus.operations.questions import Ask, Filled, assignments, fill
from lotus.operations.schema import FOLDER as SCHEMAS
from lotus.operations.schema import reference_to

Say = Callable[[str], None]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_S3_CONTRACT = {
    "s3_bucket_path": "raw",
    "s3_path_format": HIVE,
    "file_name_pattern": "part_{part_number}.parquet",
    "format": {"format_type": "Parquet", "compression_codec": "SNAPPY"},
}
"""What readers of the landing zone go by (lotus-lake's feeders, Hive readers); `--set` says otherwise."""


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
    """What was added. `told` names secrets whose values were asked for and kept only where `kept` says."""

    role: Role
    name: str
    files: tuple[str, ...]
    message: str
    discovery: Discovery | None
    told: tuple[str, ...]
    kept: str


def add(
    project: Path,
    stack: str,
    environment: Mapping[str, str],
    role: Role,
    new: New,
    *,
    ask: Ask,
    say: Say = lambda _line: None,
) -> AddedActor:
    """Adds a source or destination to the files.

    Raises:
        ConfigError: the name is taken or no name, the connector is unknown, a setting is missing or wrong.
        SecretError: a secret has no value here, and nobody can be asked.
        RemoteError: the connector's check failed.
    """
    settings = settings_of(project, stack, environment)
    prepared = _prepared(project, settings, role, new)
    with in_our_words():
        return asyncio.run(_add(project, stack, environment, settings, prepared, ask, say))


@dataclass(frozen=True, slots=True)
class _Prepared:
    new: New
    written: str
    """The connector as it stands in the file."""
    wanted: Wanted
    file: Path


def _prepared(project: Path, settings: Settings, role: Role, new: New) -> _Prepared:
    manifest: Mapping[str, Any] | None = None
    if new.manifest is not None:
        manifest = _manifest(new.manifest)
        written, connector = "", Connector("manifest", "_manifest.yaml")
        name = new.name or new.manifest.stem.strip("_").removesuffix("_manifest")
    else:
        written, connector = _connector(new.connector, role)
        name = new.name or re.sub(r"[^a-z0-9_-]+", "-", connector.value.removeprefix(f"{role}-").lower())
        if connector.kind == "definition" and not new.name:
            raise ConfigError("a definition id says nothing of a name", where="--name", fix="say --name NAME")
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f'"{name}" cannot be a name', where="--name", fix="use letters, digits, -, _ and .", code="LOT009"
        )
    streams = project / settings.streams
    file = streams / name / SOURCE_FILE if role == "source" else streams / DESTINATIONS / f"{name}.json"
    if file.exists():
        fix = f"edit the file, then lotus discover {name}; or give another --name" if role == "source" else "edit it"
        raise ConfigError(f'{role} "{name}" is there already', where=file.relative_to(project).as_posix(), fix=fix)
    return _Prepared(new, written, Wanted(role, name, connector, manifest=manifest), file)


def _connector(text: str, role: Role) -> tuple[str, Connector]:
    found = connector_names.parse(text, role)
    if isinstance(found, str) and re.fullmatch(r"[a-z0-9][a-z0-9-]*", text):
        text = f"{role}-{text}"
        found = connector_names.parse(text, role)
    if isinstance(found, str):
        raise ConfigError(found, fix=connector_names.suggestion(text, role), code="LOT040")
    return text, found


def _manifest(path: Path) -> Mapping[str, Any]:
    try:
        value: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the manifest cannot be read: {error.strerror}", where=str(path)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the manifest is not YAML: {error}", where=str(path), code="LOT041") from None
    manifest = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if manifest.get("type") != "DeclarativeSource":
        raise ConfigError("the manifest is no DeclarativeSource", where=str(path), code="LOT041")
    # As JSON: what YAML reads as dates are texts for Airbyte.
    return cast("Mapping[str, Any]", json.loads(json.dumps(manifest, default=str)))


async def _add(
    project: Path,
    stack: str,
    environment: Mapping[str, str],
    settings: Settings,
    prepared: _Prepared,
    ask: Ask,
    say: Say,
) -> AddedActor:
    workspace = connectors.workspace_of(settings)
    wanted, new = prepared.wanted, prepared.new
    async with client(project, stack, environment) as airbyte:
        say(f"asking {prepared.written or 'the manifest'} what it needs")
        async with connectors.definition(airbyte, workspace, wanted) as definition:
            specification = await connectors.specification(airbyte, workspace, wanted, definition)
            given = _given(wanted.role, prepared.written, new.sets, specification.schema)
            filled = await asyncio.to_thread(
                fill,
                specification.schema,
                given,
                name=wanted.name,
                ask=ask,
                known=lambda s: bool(settings.values.secret(s)),
            )
            content = _content(project, settings, prepared, filled)
            _check_content(prepared, project, content, specification)
            kept = _keep(project, settings, environment, filled.secrets)
            message, offer = "", None
            if new.check:
                settings = _with_told(settings, environment, filled.secrets)
                message, offer = await _tried(
                    airbyte, workspace, settings, prepared, filled, definition, specification, say
                )
    files, discovery = _written(project, settings, prepared, content, specification, offer)
    return AddedActor(wanted.role, wanted.name, files, message, discovery, tuple(filled.secrets), kept)


def _given(role: Role, written: str, sets: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    given = assignments(sets, schema)
    if role == "destination" and is_s3(written):
        given = {**_S3_CONTRACT, **given}
    return given


def _content(project: Path, settings: Settings, prepared: _Prepared, filled: Filled) -> dict[str, Any]:
    role, new = prepared.wanted.role, prepared.new
    content: dict[str, Any] = {}
    if (project / settings.streams / SCHEMAS / f"{role}.json").is_file():
        content["$schema"] = reference_to(role)
    if prepared.written:
        content["connector"] = prepared.written
    else:
        content["manifest"] = prepared.wanted.connector.value
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
    model = checked(document, SourceFile if prepared.wanted.role == "source" else DestinationFile, faults)
    if model is not None:
        check = Configuration(document, faults, what=prepared.wanted.name)
        check.check_references(model.configuration)
        check.check(specification.file()["connection_specification"], model.configuration)
    if faults:
        raise FaultsError(faults)


def _keep(project: Path, settings: Settings, environment: Mapping[str, str], told: Mapping[str, str]) -> str:
    """Keeps told secrets of the dev stack in a folder that git does not see; elsewhere Pulumi has to be told."""
    if not told or settings.stack != dev.STACK:
        return ""
    folder = dev.secrets_folder(project)
    if environment.get("LOTUS_SECRETS_DIR", str(folder)) != str(folder):
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, value in told.items():
        file = folder / name
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(value, encoding="utf-8")
    return str(folder)


def _with_told(settings: Settings, environment: Mapping[str, str], told: Mapping[str, str]) -> Settings:
    """The settings with what was just told; what the stack's file has encrypted cannot be read here."""
    more = {f"LOTUS_SECRET_{name.upper()}": value for name, value in told.items()}
    config = {name: found.value for name in settings.values.config_names() if (found := settings.values.config(name))}
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
    wanted = prepared.wanted
    where = prepared.file.parent.name + "/" + prepared.file.name
    missing = _without_value(settings, filled.configuration)
    if missing:
        raise SecretError(
            f"{wanted.name} cannot be checked: it has no value here for {', '.join(missing)}",
            where=where,
            fix=f"set {' and '.join(missing)}, or add it unchecked: --no-check",
            code="LOT047",
        )
    values = connectors.resolved(settings, filled.configuration, where=where, schema=specification.schema)
    say(f"{wanted.name}: checking the connection")
    async with connectors.stored(airbyte, workspace, replace(wanted, configuration=values), definition) as actor_id:
        source = wanted.role == "source"
        result = await (airbyte.check_source if source else airbyte.check_destination)(actor_id)
        if not result["succeeded"]:
            raise RemoteError(
                f"the check of {wanted.name} failed: {result['message']}",
                where=wanted.connector.value,
                fix="mend what it names and add it again (nothing was written), or --no-check",
            )
        if not source:
            return result["message"], None
        say(f"{wanted.name}: discovering its streams")
        return result["message"], offer_of(specification, await airbyte.discover(actor_id))


def _without_value(settings: Settings, configuration: Mapping[str, Any]) -> list[str]:
    """The environment variables that would give what is missing."""
    values = settings.values
    return [
        f"LOTUS_{item.kind.removeprefix('$').upper()}_{item.name.upper()}"
        for item in references(configuration)
        if not (values.secret(item.name) if item.kind == "$secret" else values.config(item.name))
    ]


def _written(
    project: Path,
    settings: Settings,
    prepared: _Prepared,
    content: Mapping[str, Any],
    specification: Specification,
    offer: Offer | None,
) -> tuple[tuple[str, ...], Discovery | None]:
    wanted, file = prepared.wanted, prepared.file
    files: list[Path] = []
    discovery: Discovery | None = None
    if wanted.role == "destination":
        spec = file.parent / DISCOVERED / file.name
        write(project, spec, json_text(specification.file()))
        files.append(spec)
    elif offer is not None:
        discovery = record(project, settings, wanted.name, offer)
    else:
        spec = file.parent / DISCOVERED / SPEC_FILE
        write(project, spec, json_text(specification.file()))
        files.append(spec)
    if prepared.new.manifest is not None:
        target = file.parent / wanted.connector.value
        write(project, target, prepared.new.manifest.read_text(encoding="utf-8"))
        files.append(target)
    write(project, file, json_text(content))
    names = [path.relative_to(project).as_posix() for path in (file, *files)]
    return (*names, *(discovery.written if discovery else ())), discovery
