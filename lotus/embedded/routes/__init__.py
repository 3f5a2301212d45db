"""HTTP operations by API; ``ROUTES`` is the table, one line an operation, in the module of its subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lotus.embedded.routes import not_offered
from lotus.embedded.routes.config import actors as config_actors
from lotus.embedded.routes.config import connections as config_connections
from lotus.embedded.routes.config import definitions as config_definitions
from lotus.embedded.routes.config import jobs as config_jobs
from lotus.embedded.routes.config import workspaces as config_workspaces
from lotus.embedded.routes.operation import Operation
from lotus.embedded.routes.public import actors, applications, connections, definitions, jobs, workspaces

PUBLIC: Sequence[Operation] = [
    *applications.OPERATIONS,
    *not_offered.PUBLIC,  # before the paths with parameters that would match them, such as /sources/initiateOAuth
    *jobs.OPERATIONS,
    *actors.OPERATIONS,
    *connections.OPERATIONS,
    *definitions.OPERATIONS,
    *workspaces.OPERATIONS,
]

CONFIG: Sequence[Operation] = [
    *config_jobs.OPERATIONS,
    *config_connections.OPERATIONS,
    *config_actors.OPERATIONS,
    *config_definitions.OPERATIONS,
    *config_workspaces.OPERATIONS,
    *not_offered.CONFIG,  # last: matches everything
]

ROUTES: Mapping[str, Sequence[Operation]] = {
    "/api/public/v1": PUBLIC,
    "/v1": PUBLIC,
    "/api/v1": CONFIG,
    "": [operation for operation in applications.OPERATIONS if operation.name == "createAccessToken"],
}
"""Operations by the path below which they are served."""
