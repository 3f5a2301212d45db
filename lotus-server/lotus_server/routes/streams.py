"""Parts of a configured stream that both APIs read alike."""

from __future__ import annotations

import uuid
from typing import Any

from lotus_server.domain.mappers import MapperType
from lotus_server.routes.operation import Body


class SelectedField(Body):
    """SelectedFieldInfo."""

    field_path: list[str] | None = None


class Mapper(Body):
    """ConfiguredStreamMapper."""

    type: MapperType
    mapper_configuration: dict[str, Any]
    id: uuid.UUID | None = None
