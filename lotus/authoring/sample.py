"""`lotus sources sample`: a stream's first records, before anything lands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lotus.authoring import connectors
from lotus.authoring.connectors import ConnectorTrial
from lotus.authoring.discover import source_named
from lotus.config.connector import Connector
from lotus.errors import ConfigError
from lotus.local import connectors as local_connectors
from lotus.local import dev
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session

Say = Callable[[str], None]
MOST_ROWS = 1000


def sample(session: Session, name: str, stream: str, *, rows: int, say: Say) -> list[Any]:
    """The first records of a stream, read by the source's connector on this machine; nothing is stored.

    Raises:
        ConfigError: there is no such source, or too many rows are asked for.
        SecretError: a secret of it has no value here.
        ToolError: the connector does not run here, has no such stream, or fails.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise ConfigError(f"{rows} rows cannot be sampled", where="--rows", fix=f"ask for 1 to {MOST_ROWS}")
    source = source_named(session.files, name)
    trial = connectors.trial_of(session.settings, source)
    repository, version = _image(session, trial)
    files = [each for connection in session.files.connections_of(name) for each in connection.streams]
    file = next((each for each in files if each.name == stream), None)
    request = {
        "repository": repository,
        "version": version,
        "manifest": trial.manifest,
        "configuration": dict(trial.configuration),
        "stream": stream,
        "namespace": file.namespace if file else None,
        "count": rows,
    }
    say(f"{name}: reading {stream}")
    locks = dev.connector_locks(session.root)
    return local_connectors.first_records(request, locks, say, components=session.settings.components)


def _image(session: Session, trial: ConnectorTrial) -> tuple[str, str]:
    """The connector as the installer knows it; what only a server knows is asked of the server at hand."""
    connector: Connector = trial.connector
    if connector.kind == "manifest":
        return "airbyte/source-declarative-manifest", ""
    if connector.kind == "image":
        return connector.repository, connector.version

    async def ask() -> list[dict[str, Any]]:
        async with session.airbyte() as airbyte:
            return await airbyte.definitions("source", session.workspace)

    with in_our_words():
        definitions = asyncio.run(ask())
    match = connectors.existing_definition(definitions, "source", connector)
    if match is None:
        raise connectors.unknown(definitions, "source", connector)
    return match.repository, match.version
