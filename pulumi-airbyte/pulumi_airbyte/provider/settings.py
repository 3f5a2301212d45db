"""Which server, and the credential for it: from the stack's configuration, a provider resource, the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .faults import ProviderError
from .values import UNKNOWN, Json

if TYPE_CHECKING:
    from pulumi_airbyte.api import Airbyte

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

    server_url: str | None = None
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
    confirm_once: tuple[str, ...] = ()
    """The same, for this process alone."""
    unknown: bool = False
    """Whether something of it is known only once another resource was created."""
    lack: str = "there is no Airbyte server: set airbyte:serverUrl, or AIRBYTE_SERVER_URL"
    """What is missing where there is no address."""

    @property
    def secrets(self) -> list[str]:
        """What must not show up in any message."""
        credentials = (self.client_id, self.client_secret, self.bearer_auth, self.password)
        return sorted((text for text in credentials if text and len(text) >= 4), key=len, reverse=True)

    def client(self, *, patience: float, on_wait: Callable[[str], None] | None = None) -> Airbyte:
        """A client of the server, with the credential that goes there.

        Args:
            patience: seconds that a server which does not answer is waited for.
            on_wait: gets a line when a call has to wait.

        Raises:
            ProviderError: there is no address.
            ValueError: the address is none.
        """
        from pulumi_airbyte.api import Airbyte  # httpx is only loaded where something is asked

        if self.server_url is None:
            raise ProviderError(self.lack)
        return Airbyte(
            self.server_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
            token_url=self.token_url,
            bearer=self.bearer_auth,
            username=self.username,
            password=self.password,
            patience=patience,
            on_wait=on_wait,
        )


def settings(
    arguments: Mapping[str, Json], *, explicit: bool, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings in force.

    A refresh configures the provider from *state*, with yesterday's URL and credential, before the program runs
    (docs/pulumi-behaviour.md#configuration-during-a-refresh). The
    engine puts the stack's current configuration into the plugin's environment, so for the default provider that comes
    in place of its arguments; for an explicit one its own arguments come first.

    The address of the program or of the stack's file wins over the environment's, and the environment's goes with the
    environment's credential alone: no credential is sent to an address that another source chose for its own.

    Args:
        arguments: what `Configure` was given.
        explicit: whether they are the program's own words of today: a provider resource's, or a dynamic provider's.
        environment: the process's by default.
    """
    environment = os.environ if environment is None else environment
    current = _current_configuration(environment)
    outside = _from_environment(environment)
    if explicit:
        layers: list[Mapping[str, Json]] = [arguments, current]
    else:
        # What was taken out of the configuration is still in the state, and no more than that.
        layers = [current] if _any(current) or _any(outside) else [arguments]
    merged = _merged(layers)
    lack = Settings.lack
    if "server_url" not in merged and _has_credential(merged):
        lack = "the stack's configuration has a credential for Airbyte and no address: set airbyte:serverUrl beside it"
    else:
        merged = _merged([*layers, outside])
    return Settings(
        **merged,
        writer=_writer(arguments, current),
        confirm=_phrases(arguments.get("confirm") if explicit else current.get("confirm")),
        confirm_once=_phrases(environment.get(CONFIRM)),
        unknown=UNKNOWN in merged.values(),
        lack=lack,
    )


def _writer(arguments: Mapping[str, Json], current: Mapping[str, str]) -> str | None:
    """What the state remembers counts where the stack's file is silent: a refresh or destroy has nothing else."""
    remembered = arguments.get("writer")
    writer = current.get("writer") or (None if remembered == UNKNOWN else remembered)
    return str(writer) if writer else None


def _any(layer: Mapping[str, Json]) -> bool:
    return any(layer.get(wire) for wire in WIRE)


def _merged(layers: Sequence[Mapping[str, Json]]) -> dict[str, Any]:
    """The first word on each setting. A credential hides all that belongs to one further down."""
    merged: dict[str, Any] = {}
    for layer in layers:
        settings_of_layer = {WIRE[wire]: str(layer[wire]) for wire in WIRE if layer.get(wire)}
        if _has_credential(merged):
            for name in (*_CREDENTIAL, "token_url"):
                settings_of_layer.pop(name, None)
        merged = {**settings_of_layer, **merged}
    return merged


def _has_credential(names: Container[str]) -> bool:
    return any(name in names for name in _CREDENTIAL)


_CREDENTIAL = ("client_id", "client_secret", "bearer_auth", "username", "password")


def _phrases(value: Json) -> tuple[str, ...]:
    """Phrases from a setting that is a list, a JSON list, or one phrase."""
    parsed: Any = value
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            parsed = json.loads(value)
        except ValueError as error:
            raise ProviderError(f"airbyte:confirm is a list of phrases, but no JSON: {error}") from None
    if not parsed:
        return ()
    phrases: list[Any] = parsed if isinstance(parsed, list) else [parsed]
    return tuple(str(phrase) for phrase in phrases if phrase != UNKNOWN)


def _from_environment(environment: Mapping[str, str]) -> dict[str, str | None]:
    return {wire: from_environment(ENVIRONMENT[name], environment) for wire, name in WIRE.items()}


def from_environment(variable: str, environment: Mapping[str, str]) -> str | None:
    """The file of that name in `AIRBYTE_CREDENTIALS_DIR`, then the variable: a file may be newer than the process.

    Raises:
        ProviderError: there is such a file, and it cannot be read.
    """
    folder = environment.get(CREDENTIALS_DIR)
    file = Path(folder, variable) if folder else None
    try:
        return file.read_text().strip() if file and file.is_file() else environment.get(variable)
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderError(f"{CREDENTIALS_DIR}: {variable} cannot be read: {error.__class__.__name__}") from None


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
    return {str(name).removeprefix("airbyte:"): str(value) for name, value in parsed.items() if value is not None}
