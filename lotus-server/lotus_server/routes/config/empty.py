"""Reads of the config API whose true answer here is empty: clients ask them on the way to something else."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from lotus_server.routes.operation import Handler, Operation, reply
from lotus_server.services.server import Server

_LISTS = {
    "/operations/list": ("listOperationsForConnection", "operations"),
    "/source_definitions/list_enterprise_source_stubs": ("listEnterpriseSourceStubs", "enterpriseConnectorStubs"),
    "/source_definitions/list_enterprise_stubs_for_workspace": (
        "listEnterpriseSourceStubsForWorkspace",
        "enterpriseConnectorStubs",
    ),
    "/destination_definitions/list_enterprise_stubs_for_workspace": (
        "listEnterpriseDestinationStubsForWorkspace",
        "enterpriseConnectorStubs",
    ),
    "/connections/events/list": ("listConnectionEvents", "events"),
    "/connections/events/list_minimal": ("listConnectionEventsMinimal", "events"),
    "/connections/events/list_for_job": ("listConnectionEventsForJob", "events"),
    "/secret_storage/list": ("listSecretStorage", "secretStorages"),
    "/groups/list": ("listGroups", "groups"),
    "/domain_verifications/list": ("listDomainVerifications", "domainVerifications"),
    "/domain_verifications/list_pending": ("listPendingDomainVerifications", "domainVerifications"),
    "/scoped_configuration/list": ("listScopedConfigurations", "scopedConfigurations"),
    "/connector_rollout/list": ("listConnectorRollouts", "connectorRollouts"),
    "/connector_rollout/list_all": ("listConnectorRolloutsAll", "connectorRollouts"),
    "/connector_rollout/list_by_actor_definition_id": (
        "listConnectorRolloutsByActorDefinitionId",
        "connectorRollouts",
    ),
    "/dataplane_group/list": ("listDataplaneGroups", "dataplaneGroups"),
    "/dataplanes/list": ("listDataplanes", "dataplanes"),
    "/audit_logs/list": ("listAuditLogs", "auditLogs"),
    "/private_link/list": ("listPrivateLinks", "privateLinks"),
    "/private_link/list_by_status": ("listPrivateLinksByStatus", "privateLinks"),
}
"""What there is none of here, and under which key it is answered."""


def _empty(key: str) -> Handler:
    async def handler(_server: Server, _request: Request) -> Response:
        return reply({key: []})

    return handler


async def _no_invitations(_server: Server, _request: Request) -> Response:
    return reply([])


OPERATIONS = [
    *(Operation("POST", path, name, _empty(key)) for path, (name, key) in _LISTS.items()),
    Operation("POST", "/user_invitations/list_pending", "listPendingInvitations", _no_invitations),
]
