"""The secrets of a stack: names, where each has its value, and who uses it. Values are compared, never returned."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from lotus.config import Project, from_stack_file, load
from lotus.config.project import DESTINATIONS
from lotus.config.references import SEALED, Kind, conflicting, references, ways_to_set
from lotus.config.settings import Settings
from lotus.config.sops import SopsError
from lotus.errors import ConfigError, FaultsError

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


def secrets(project: Path, stack: str, environment: Mapping[str, str] | None = None) -> list[Secret]:
    """Every secret that the stack's files name, and those that have a value here and no use, by name.

    Raises:
        FaultsError: the files have mistakes.
    """
    environment = os.environ if environment is None else environment
    found, settings = _loaded(project, stack, environment)
    users = _users(found, "$secret")
    used = [_secret(name, tuple(users[name]), settings) for name in users]
    unused = [
        Secret(name, "unused", tuple(place), ())
        for name, place in _given(settings, environment).items()
        if name not in users and name.upper() not in {user.upper() for user in users}
    ]
    return sorted([*used, *unused], key=lambda one: one.name)


def moved(project: Path, stack: str, old: Path, environment: Mapping[str, str] | None = None) -> list[Moved]:
    """Where each key of an old Kubernetes Secret belongs now; its values, encrypted by SOPS or not, are not looked at.

    Raises:
        ConfigError: the file is no Secret.
        FaultsError: the files have mistakes.
    """
    found, _ = _loaded(project, stack, os.environ if environment is None else environment)
    by_secret, by_config = _users(found, "$secret"), _users(found, "$config")
    return [Moved(key, _place(key, by_secret, by_config)) for key in _keys(old)]


def _loaded(project: Path, stack: str, environment: Mapping[str, str]) -> tuple[Project, Settings]:
    settings = from_stack_file(project, stack, environment=environment)
    found = load(project, settings, resolve=False)
    if found.faults:
        raise FaultsError(found.faults)
    return found, settings


def _users(found: Project, kind: Kind) -> dict[str, list[str]]:
    """Who uses each name: the file, and the path in it."""
    users: dict[str, list[str]] = {}
    for file, configuration in _configurations(found):
        for item in references(configuration):
            if item.kind == kind:
                path = ".".join(str(part) for part in ("configuration", *item.pointer))
                users.setdefault(item.name, []).append(f"{file}: {path}")
    return users


def _configurations(found: Project) -> Iterator[tuple[str, Mapping[str, Any]]]:
    used = {source.destination for source in found.sources}
    for source in found.sources:
        yield f"{found.settings.streams}/{source.name}/_source.json", source.configuration
    for destination in found.destinations:
        if destination.name in used:
            yield f"{found.settings.streams}/{DESTINATIONS}/{destination.name}.json", destination.configuration


def _secret(name: str, used_by: tuple[str, ...], settings: Settings) -> Secret:
    try:
        places = settings.values.secret(name)
    except SopsError as error:
        return Secret(name, "unreadable", (str(error),), used_by, error.fix)
    except (OSError, UnicodeDecodeError):
        place = f"file {name} in LOTUS_SECRETS_DIR"
        return Secret(name, "unreadable", (place,), used_by, "check its permissions and content")
    names = tuple(place.place for place in places)
    if not places:
        return Secret(name, "missing", (), used_by, ways_to_set("$secret", name, settings.stack))
    if conflicting(places):
        return Secret(name, "conflict", names, used_by, "remove the stale one: a rotation would not be seen")
    return Secret(name, "sealed" if all(p.value is SEALED for p in places) else "ok", names, used_by)


def _given(settings: Settings, environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Names that have a value here, used or not."""
    given: dict[str, list[str]] = {}
    for name in settings.values.secret_names():
        given.setdefault(name, []).append(f"lotus:secrets.{name} of the stack")
    folder = environment.get("LOTUS_SECRETS_DIR")
    if folder and Path(folder).is_dir():
        for file in sorted(Path(folder).iterdir()):
            # Kubernetes mounts through ..data and a dated folder; those are no names.
            if file.is_file() and not file.name.startswith("."):
                given.setdefault(file.name, []).append(f"file {file.name} in LOTUS_SECRETS_DIR")
    for variable in sorted(environment):
        if variable.startswith("LOTUS_SECRET_"):
            name = variable.removeprefix("LOTUS_SECRET_").lower()
            given.setdefault(name, []).append(f"environment variable {variable}")
    return given


def _keys(old: Path) -> list[str]:
    try:
        document: Any = yaml.safe_load(old.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"the old Secret cannot be read: {error.__class__.__name__}", where=str(old)) from None
    held = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    found = [
        str(key)
        for part in ("stringData", "data")
        if isinstance(held.get(part), dict)
        for key in cast("dict[str, Any]", held[part])
    ]
    if not found:
        raise ConfigError(
            "this file is no Kubernetes Secret with keys",
            where=str(old),
            fix="kubectl get secret NAME -o yaml > FILE, or the SOPS file as it is in git",
        )
    return sorted(dict.fromkeys(found))


def _place(key: str, by_secret: Mapping[str, object], by_config: Mapping[str, object]) -> str:
    name = key.removeprefix("TF_VAR_").lower()
    if name in MOVED:
        return MOVED[name]
    for known in by_secret:
        if known.lower() == name:
            return f'key {known} of the Secret that lotus:gitops.secrets.values names, for {{"$secret": "{known}"}}'
    for known in by_config:
        if known.lower() == name:
            return f"lotus:config.{known} of the stack: it is no secret"
    return "nowhere: no file of this stack uses it"
