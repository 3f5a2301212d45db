"""Faker → a folder, every night."""

import pulumi
import pulumi_airbyte as airbyte

config = pulumi.Config()
workspace = config.require("workspaceId")

source = airbyte.Source("faker", workspace_id=workspace, configuration={"sourceType": "faker", "count": 1000})
lake = airbyte.Destination(
    "lake",
    workspace_id=workspace,
    configuration={"destinationType": "s3", **config.require_object("lake")},
)
connection = airbyte.Connection(
    "faker-to-lake",
    source_id=source.source_id,
    destination_id=lake.destination_id,
    configurations={"streams": [{"name": "users", "sync_mode": "incremental_append"}]},
    schedule={"schedule_type": "cron", "cron_expression": "0 0 3 * * ?"},
)
pulumi.export("connection", connection.connection_id)
