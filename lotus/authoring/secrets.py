"""The secrets of a stack: names, where each has its value, and who uses it. Values are compared, never returned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from lotus.config import Project, from_stack_file, load
from lotus.config.mappers import configuration_of
from lotus.config.references import SEALED, Kind, conflicting, references, ways_to_set
from lotus.config.settings import Settings
from lotus.config.sops import SopsError
from lotus.errors import ConfigError, FaultsError
from lotus.session.session import Session
from lotus.untyped import as_mapping

Standing = Literal["ok", "sealed", "missing", "conflict", "unreadable", "unused"]
"""sealed: encrypted in the stack's file, which only pulumi opens; conflict: two places give different values."""

MOVED: Mapping[str, str] = {
    "workspace_id": "lotus:workspace of the stack",
    "airbyte_server_url": "airbyte:serverUrl of the stack",
    "airbyte_username": "key AIRBYTE_USERNAME of the Secret that lotus:gitops.secrets.airbyte names",
    "airbyte_password": "key AIRBYTE_PASSWORD of the Secret that lotus:gitops.secrets.airbyte names",
}
"""What the Terraform variables of a lake became that are neither a `$secret` nor a `$config` of its files."""


@dataclass(frozen=True)
class Secret:
    """One name. `places` are in the order in which they are looked at; `used_by` are files and paths in them."""

    name: str
    standing: Standing
    places: tuple[str, ...]
    used_by: tuple[str, ...]
    fix: str = ""

    @property
    def wrong(self) -> bool:
        """Whether the program would stop here."""
        return self.standing in ("missing", "conflict", "unreadable")


@dataclass(frozen=True)
class Moved:
    """A key of the old Secret, and where its value belongs now."""

    key: str
    place: str


def secrets(session: Session) -> list[Secret]:
    """Every secret that the stack's files name, and those that have a value here and no use, by name.

    Raises:
        FaultsError: the files have faults.
    """
    project = _loaded(session)
    settings = project.settings
    users = _users(project, "$secret")
    secrets_in_use = [_secret(name, tuple(users[name]), settings) for name in users]
    unused = [
        Secret(name, "unused", tuple(locations), ())
        for name, locations in _available(settings, session.environment).items()
        if name not in users and name.upper() not in {user.upper() for user in users}
    ]
    return sorted([*secrets_in_use, *unused], key=lambda secret: secret.name)


def moved(session: Session, old: Path) -> list[Moved]:
    """Where each key of an old Kubernetes Secret belongs now; its values, encrypted by SOPS or not, are not looked at.

    Raises:
        ConfigError: the file is not a Secret.
        FaultsError: the files have faults.
    """
    project = _loaded(session)
    by_secret, by_config = _users(project, "$secret"), _users(project, "$config")
    return [Moved(key, _new_location(key, by_secret, by_config)) for key in _keys(old)]


def _loaded(session: Session) -> Project:
    # Without values: a secret that is missing is what the answer is about.
    settings = from_stack_file(session.root, session.stack, environment=session.environment)
    project = load(session.root, settings, resolve=False)
    if project.faults:
        raise FaultsError(project.faults)
    return project


def _users(project: Project, kind: Kind) -> dict[str, list[str]]:
    """Who uses each name: the file, and the path in it."""
    users: dict[str, list[str]] = {}
    for file, settings in _settings(project):
        for item in references(settings):
            if item.kind == kind:
                path = ".".join(map(str, item.pointer))
                users.setdefault(item.name, []).append(f"{file}: {path}")
    return users


def _settings(project: Project) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What each file says that may name a secret, under the file's own keys."""
    used_destinations = {connection.destination for connection in project.connections}
    for source in project.sources:
        yield source.file, {"configuration": source.configuration}
    for destination in project.destinations:
        if destination.name in used_destinations:
            yield destination.file, {"configuration": destination.configuration}
    for connection in project.connections:
        for stream in connection.streams:
            yield stream.file, {"mappers": [configuration_of(mapper) for mapper in stream.mappers or ()]}


def _secret(name: str, used_by: tuple[str, ...], settings: Settings) -> Secret:
    try:
        places = settings.values.secret(name)
    except SopsError as error:
        return Secret(name, "unreadable", (str(error),), used_by, error.fix)
    except (OSError, UnicodeDecodeError):
        origin = f"file {name} in LOTUS_SECRETS_DIR"
        return Secret(name, "unreadable", (origin,), used_by, "check its permissions and content")
    names = tuple(origin.place for origin in places)
    if not places:
        return Secret(name, "missing", (), used_by, ways_to_set("$secret", name, settings.stack))
    if conflicting(places):
        return Secret(name, "conflict", names, used_by, "remove the old value: it would hide a rotation")
    return Secret(name, "sealed" if all(p.value is SEALED for p in places) else "ok", names, used_by)


def _available(settings: Settings, environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Names that have a value here, used or not."""
    available: dict[str, list[str]] = {}
    for name in settings.values.secret_names():
        available.setdefault(name, []).append(f"lotus:secrets.{name} of the stack")
    folder = environment.get("LOTUS_SECRETS_DIR")
    if folder and Path(folder).is_dir():
        for file in sorted(Path(folder).iterdir()):
            # Kubernetes mounts through ..data and a dated folder; those are no names.
            if file.is_file() and not file.name.startswith("."):
                available.setdefault(file.name, []).append(f"file {file.name} in LOTUS_SECRETS_DIR")
    for variable in sorted(environment):
        if variable.startswith("LOTUS_SECRET_"):
            name = variable.removeprefix("LOTUS_SECRET_").lower()
            available.setdefault(name, []).append(f"environment variable {variable}")
    return available


def _keys(old: Path) -> list[str]:
    try:
        document: Any = yaml.safe_load(old.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"the old Secret cannot be read: {error.__class__.__name__}", where=str(old)) from None
    manifest = as_mapping(document)
    keys = [str(key) for part in ("stringData", "data") for key in as_mapping(manifest.get(part))]
    if not keys:
        raise ConfigError(
            "this file is not a Kubernetes Secret with keys",
            where=str(old),
            fix="kubectl get secret NAME -o yaml > FILE, or the SOPS file as it is in git",
        )
    return sorted(dict.fromkeys(keys))


def _new_location(key: str, by_secret: Mapping[str, object], by_config: Mapping[str, object]) -> str:
    name = key.removeprefix("TF_VAR_").lower()
    if name in MOVED:
        return MOVED[name]
    for secret in by_secret:
        if secret.lower() == name:
            return f'key {secret} of the Secret that lotus:gitops.secrets.values names, for {{"$secret": "{secret}"}}'
    for setting in by_config:
        if setting.lower() == name:
            return f"lotus:config.{setting} of the stack: it is not a secret"
    return "nowhere: no file of this stack uses it"
