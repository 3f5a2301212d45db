"""The Airbyte of a stack: where it is, how to log in, and its faults in lotus's words."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pulumi_airbyte.api import (
    Airbyte,
    AirbyteError,
    UnauthorizedError,
    UnavailableError,
)
from pulumi_airbyte.provider.faults import ProviderError
from pulumi_airbyte.provider.settings import ENVIRONMENT, WIRE, from_environment, settings

from lotus.config.pulumi_yaml import stack_config
from lotus.errors import ConfigError, RemoteError
from lotus.errors import UnavailableError as LotusUnavailableError
from lotus.example_values import refuse_example

NOT_OFFERED = 501
PATIENCE = 5.0
"""Seconds that a command waits for a server that does not answer; a person is waiting, too."""
_VARIABLES = {key: ENVIRONMENT[name] for key, name in WIRE.items()}
"""The provider's settings (`airbyte:` in the stack's file), the address first, and their variables."""


def client(project: Path, stack: str, environment: Mapping[str, str]) -> Airbyte:
    """A client of the stack's Airbyte, by the provider's own rule: address and credential come from one source.

    The stack's address comes first, and goes with the stack's credential or the environment's (mounted files, then
    variables); the stack's credential goes to no address of the environment.

    Raises:
        ConfigError: there is no address, or it is an example's.
    """
    file = project / f"Pulumi.{stack}.yaml"
    try:
        found = settings(_of_the_stack(project, stack, environment), explicit=True, environment=environment)
    except ProviderError as error:
        raise ConfigError(str(error), where=str(file), fix="check its permissions") from None
    if not found.server_url:
        raise ConfigError(
            f"stack {stack} does not say where its Airbyte is",
            where=str(file),
            fix=f"pulumi config set airbyte:serverUrl URL --stack {stack}, or set AIRBYTE_SERVER_URL",
        )
    refuse_example(found.server_url, "airbyte:serverUrl", where=file.name)
    return found.client(patience=PATIENCE)


def _of_the_stack(project: Path, stack: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The provider's settings in the stack's file.

    What is encrypted there cannot be read without Pulumi. The environment gives it by its variable; else it gives the
    whole credential.
    """
    config = stack_config(project, stack)
    plain: dict[str, str] = {}
    for key, variable in _VARIABLES.items():
        value = config.get(f"airbyte:{key}")
        if isinstance(value, str):
            plain[key] = value
        elif value is not None:
            readable = from_environment(variable, environment)
            if readable is None:
                return {name: text for name, text in plain.items() if name == "serverUrl"}
            plain[key] = readable
    return plain


@contextmanager
def in_our_words(fix: str = "lotus dev status shows whether the dev stack is up") -> Generator[None]:
    """Translates the client's faults where they enter."""
    try:
        yield
    except UnavailableError as error:
        if error.status == NOT_OFFERED:
            raise RemoteError(error.cause, where=error.where) from None
        raise LotusUnavailableError(error.cause, where=error.where, fix=fix) from None
    except UnauthorizedError as error:
        raise RemoteError(
            error.cause,
            where=error.where,
            fix="check the stack's airbyte: credentials, or AIRBYTE_CLIENT_ID and _SECRET",
        ) from None
    except AirbyteError as error:
        raise RemoteError(error.cause, where=error.where) from None
