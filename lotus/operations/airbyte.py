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

from lotus.config.pulumi_yaml import stack_config
from lotus.errors import ConfigError, RemoteError
from lotus.errors import UnavailableError as LotusUnavailableError

NOT_OFFERED = 501
KEYS = {
    "serverUrl": "AIRBYTE_SERVER_URL",
    "clientId": "AIRBYTE_CLIENT_ID",
    "clientSecret": "AIRBYTE_CLIENT_SECRET",
    "bearerAuth": "AIRBYTE_BEARER_AUTH",
    "username": "AIRBYTE_USERNAME",
    "password": "AIRBYTE_PASSWORD",
    "tokenUrl": "AIRBYTE_TOKEN_URL",
}
"""The provider's configuration keys (`airbyte:` in the stack's file) and the variables that stand in for them."""


def client(project: Path, stack: str, environment: Mapping[str, str]) -> Airbyte:
    """A client of the stack's Airbyte: the stack's file first, then mounted files and the environment, as the provider.

    An encrypted value in the stack's file cannot be read without Pulumi; give it by environment.

    Raises:
        ConfigError: neither names a server.
    """
    file = project / f"Pulumi.{stack}.yaml"
    config = stack_config(project, stack)
    found: dict[str, str | None] = {}
    for key, variable in KEYS.items():
        value = config.get(f"airbyte:{key}")
        found[key] = value if isinstance(value, str) else from_environment(variable, environment)
    server = found["serverUrl"]
    if not server:
        raise ConfigError(
            f"stack {stack} does not say where its Airbyte is",
            where=str(file),
            fix=f"pulumi config set airbyte:serverUrl URL --stack {stack}, or set AIRBYTE_SERVER_URL",
        )
    return Airbyte(
        server,
        client_id=found["clientId"],
        client_secret=found["clientSecret"],
        token_url=found["tokenUrl"],
        bearer=found["bearerAuth"],
        username=found["username"],
        password=found["password"],
    )


def from_environment(variable: str, environment: Mapping[str, str]) -> str | None:
    """As the provider looks: a file of that name in `AIRBYTE_CREDENTIALS_DIR` (a mounted Secret), then the variable.

    Raises:
        ConfigError: there is such a file, and it cannot be read.
    """
    folder = environment.get("AIRBYTE_CREDENTIALS_DIR")
    file = Path(folder, variable) if folder else None
    try:
        return file.read_text().strip() if file and file.is_file() else environment.get(variable)
    except (OSError, UnicodeDecodeError) as error:
        what = f"{variable} cannot be read: {error.__class__.__name__}"
        raise ConfigError(what, where=f"AIRBYTE_CREDENTIALS_DIR: {file}", fix="check its permissions") from None


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
