"""Which server, and the credential for it: from the stack's configuration, a provider resource, the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from pulumi_airbyte.api import CLOUD

from .faults import ProviderError
from .values import UNKNOWN, Json

ENVIRONMENT = {
    "server_url": "AIRBYTE_SERVER_URL",
    "client_id": "AIRBYTE_CLIENT_ID",
    "client_secret": "AIRBYTE_CLIENT_SECRET",
    "bearer_auth": "AIRBYTE_BEARER_AUTH",
    "username": "AIRBYTE_USERNAME",
    "password": "AIRBYTE_PASSWORD",
    "token_url": "AIRBYTE_TOKEN_URL",
    "specifications": "AIRBYTE_SPECIFICATIONS",
}
"""What is used where nothing else says: a file of that name in `AIRBYTE_CREDENTIALS_DIR`, or a variable."""
CONFIRM = "AIRBYTE_CONFIRM"
"""Environment: a phrase of consent, or a JSON list of them, beside those of `airbyte:confirm`."""
CREDENTIALS_DIR = "AIRBYTE_CREDENTIALS_DIR"
"""Environment: a folder of such files, such as a mounted Secret, which a rotation renews while a variable stays."""

WIRE = {
    "serverUrl": "server_url",
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "bearerAuth": "bearer_auth",
    "username": "username",
    "password": "password",
    "tokenUrl": "token_url",
    "specifications": "specifications",
}
"""Configuration keys and the fields below."""


@dataclass(frozen=True, repr=False)
class Settings:
    """A server and how to be let in."""

    server_url: str = CLOUD
    client_id: str | None = None
    client_secret: str | None = None
    token_url: str | None = None
    bearer_auth: str | None = None
    username: str | None = None
    password: str | None = None
    writer: str | None = None
    """Who alone may change what the stack manages; None: everybody."""
    specifications: str | None = None
    """A folder of connectors' specifications for when the server does not answer; None: one in Pulumi's own."""
    confirm: tuple[str, ...] = ()
    """What the stack agrees to lose, see consent.py."""
    unknown: bool = False
    """Whether something of it is known only once another resource was created."""

    @property
    def secrets(self) -> list[str]:
        """What must not show up in any message."""
        held = (self.client_id, self.client_secret, self.bearer_auth, self.password)
        return sorted((one for one in held if one and len(one) >= 4), key=len, reverse=True)


def settings(
    arguments: Mapping[str, Json], *, explicit: bool, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings in force.

    A refresh configures the provider from *state*, with yesterday's URL and credential, before the program runs. The
    engine puts the stack's current configuration into the plugin's environment, so for the default provider that comes
    first; for an explicit one its own arguments do.

    Args:
        arguments: what `Configure` was given.
        explicit: whether this is a provider resource of the program.
        environment: the process's by default.
    """
    environment = os.environ if environment is None else environment
    current = _current_configuration(environment)
    today: list[Mapping[str, Json]] = [current, _from_environment(environment)]
    if explicit:
        layers = [arguments, *today]
    else:
        # What was taken out of the configuration is still in the state, and no more than that.
        layers = today if any(layer.get(wire) for layer in today for wire in WIRE) else [arguments]
    # A credential of one kind hides those of the others further down: a layer is taken for a whole.
    found: dict[str, str] = {}
    for layer in layers:
        given = {WIRE[wire]: str(layer[wire]) for wire in WIRE if layer.get(wire)}
        if any(name in found for name in _CREDENTIAL):
            given = {name: value for name, value in given.items() if name not in _CREDENTIAL}
        found = {**given, **found}
    unknown = UNKNOWN in found.values()
    names = {field.name for field in fields(Settings)}
    # What the state remembers counts where the stack's file is silent: a refresh or destroy has nothing else.
    writer = current.get("writer") or (None if arguments.get("writer") == UNKNOWN else arguments.get("writer"))
    return Settings(
        **cast("Any", {name: value for name, value in found.items() if name in names}),
        writer=str(writer) if writer else None,
        confirm=_phrases(arguments.get("confirm") if explicit else current.get("confirm"), environment.get(CONFIRM)),
        unknown=unknown,
    )


_CREDENTIAL = ("client_id", "client_secret", "bearer_auth", "username", "password")


def _phrases(*settings: Json) -> tuple[str, ...]:
    """Phrases from settings that are a list, a JSON list, or one phrase."""
    found: list[str] = []
    for value in settings:
        parsed: Any = value
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                parsed = json.loads(value)
            except ValueError as error:
                raise ProviderError(f"airbyte:confirm is a list of phrases, but no JSON: {error}") from None
        phrases = cast("list[Any]", parsed if isinstance(parsed, list) else [parsed] if parsed else [])
        found += [str(one) for one in phrases if one != UNKNOWN]
    return tuple(found)


def _from_environment(environment: Mapping[str, str]) -> dict[str, str | None]:
    """The files of `AIRBYTE_CREDENTIALS_DIR`, then the variables: a file may be newer than the process's parent.

    Raises:
        ProviderError: such a file cannot be read.
    """
    folder = environment.get(CREDENTIALS_DIR)
    found: dict[str, str | None] = {}
    for wire, name in WIRE.items():
        variable = ENVIRONMENT[name]
        file = Path(folder, variable) if folder else None
        try:
            found[wire] = file.read_text().strip() if file and file.is_file() else environment.get(variable)
        except (OSError, UnicodeDecodeError) as error:
            raise ProviderError(f"{CREDENTIALS_DIR}: {variable} cannot be read: {error.__class__.__name__}") from None
    return found


def _current_configuration(environment: Mapping[str, str]) -> dict[str, str]:
    text = environment.get("PULUMI_CONFIG")
    if not text:
        return {}
    try:
        parsed: Any = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    items = cast("dict[str, Any]", parsed)
    return {str(name).removeprefix("airbyte:"): str(value) for name, value in items.items() if value is not None}
