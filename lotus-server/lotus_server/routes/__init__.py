"""HTTP operations by API; ``ROUTES`` is the table, one line an operation, in the module of its subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lotus_server.routes import not_offered
from lotus_server.routes.config import actors as config_actors
from lotus_server.routes.config import builder_projects as config_builder_projects
from lotus_server.routes.config import connection_reads as config_connection_reads
from lotus_server.routes.config import connections as config_connections
from lotus_server.routes.config import definitions as config_definitions
from lotus_server.routes.config import empty as config_empty
from lotus_server.routes.config import jobs as config_jobs
from lotus_server.routes.config import workspaces as config_workspaces
from lotus_server.routes.operation import Operation
from lotus_server.routes.public import actors, applications, connections, definitions, jobs, workspaces

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
    *config_connection_reads.OPERATIONS,
    *config_builder_projects.OPERATIONS,
    *config_empty.OPERATIONS,
    *not_offered.CONFIG,
]

ROUTES: Mapping[str, Sequence[Operation]] = {
    "/api/public/v1": PUBLIC,
    "/v1": PUBLIC,
    "/api/v1": CONFIG,
    "": [operation for operation in applications.OPERATIONS if operation.name == "createAccessToken"],
}
"""Operations by the path below which they are served."""
