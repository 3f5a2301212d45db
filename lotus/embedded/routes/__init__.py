"""HTTP operations by API; ``ROUTES`` is the table, one line an operation, in the module of its subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lotus.embedded.routes import not_offered
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

ROUTES: Mapping[str, Sequence[Operation]] = {
    "/api/public/v1": PUBLIC,
    "/v1": PUBLIC,
    "": [operation for operation in applications.OPERATIONS if operation.name == "createAccessToken"],
}
"""Operations by the path below which they are served."""
