"""The connectors that come with the server; ids are those of Airbyte's own registry.

A new connector is one line in `CONNECTORS`; destinations of other distributions are found by their entry points.
Anything else on PyPI works without a line here: a custom definition `airbyte/source-x` with tag `1.2.3` installs
`airbyte-source-x==1.2.3`.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from lotus_server.connectors.definition import ActorType, Definition
from lotus_server.domain.connector_specs import MANIFEST_REPOSITORY
from lotus_server.domain.destination_plugins import destination_plugins

CDK_VERSION = "7.39.1"
"""airbyte-cdk that runs manifests: the first line of versions whose dependencies have wheels for Python 3.13."""

DOCS = "https://docs.airbyte.com/integrations"

_OUTSIDE = UUID("5d3c7f0e-6d0a-4a52-9d52-1d4c0e8b7f11")
"""Namespace of their definitions' ids, which depend on the name alone."""


@dataclass(frozen=True)
class Connector:
    """One entry of the registry.

    A source is the PyPI package `airbyte-<short name>` at `version`; `python` are the Pythons that it works on;
    `container_only` is the reason why it cannot run here.
    """

    definition_id: str
    name: str
    version: str
    actor_type: ActorType = "source"
    python: str = ">=3.10,<3.14"
    container_only: str | None = None


CONNECTORS: dict[str, Connector] = {
    "source-faker": Connector("dfd88b22-b603-4c3d-aad7-3701784586b1", "Sample Data", "7.2.1", python=">=3.10,<3.13"),
    "source-file": Connector(
        "778daa7c-feaf-4db6-96f3-70fd645acc77",
        "File (CSV, JSON, Excel, Feather, Parquet)",
        "0.5.39",
        python=">=3.10,<3.12",
    ),
    "source-klaviyo": Connector("95e8cffd-b8c4-4039-968e-d32fb4a69bde", "Klaviyo", "2.13.1", python=">=3.10,<3.12"),
    "source-postgres": Connector(
        "decd338e-5647-4c0b-adf4-da0e75f5a750",
        "Postgres",
        "3.7.0",
        container_only="it is a Java program that Airbyte publishes only as a container image",
    ),
    "source-shopify": Connector("9da77001-af33-4bcd-be46-6252bf9342b9", "Shopify", "4.3.0"),
    "source-stripe": Connector("e094cb9a-26de-4645-8761-65c0c425d1de", "Stripe", "5.14.1", python=">=3.10,<3.12"),
    "source-declarative-manifest": Connector("64a2f99c-542f-4af8-9a6f-355f1217b436", "Low-code manifest", CDK_VERSION),
    "destination-s3": Connector("4816b78f-1489-44c1-9060-4b19d5fa9362", "S3", "1.9.4", actor_type="destination"),
    "destination-dev-null": Connector(
        "a7bcc9d8-13b3-4e49-b80d-d020b90045e3", "End-to-End Testing (/dev/null)", "0.6.1", actor_type="destination"
    ),
    "destination-local": Connector(
        "1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70", "Local folder", "1.0.0", actor_type="destination"
    ),
    "destination-duckdb": Connector(
        "94bd199c-2ff0-4aa2-b98e-17f0acb72610", "DuckDB", "1.0.0", actor_type="destination"
    ),
    "destination-postgres": Connector(
        "25c5221d-dce2-4163-ade9-739ef790f503", "Postgres", "3.0.5", actor_type="destination"
    ),
}


def definition(short_name: str) -> Definition:
    """The definition of a registry entry, for example `definition("source-faker")`.

    Raises:
        KeyError: no such entry.
    """
    connector = CONNECTORS[short_name]
    return Definition(
        id=connector.definition_id,
        name=connector.name,
        docker_repository=(
            MANIFEST_REPOSITORY if short_name == "source-declarative-manifest" else f"airbyte/{short_name}"
        ),
        docker_image_tag=connector.version,
        actor_type=connector.actor_type,
        documentation_url=f"{DOCS}/{connector.actor_type}s/{short_name.split('-', 1)[1]}",
    )


def definitions() -> list[Definition]:
    """Every definition of the registry, sources first, by name; then the destinations of other distributions."""
    ours = [
        definition(key) for key in sorted(CONNECTORS, key=lambda key: (CONNECTORS[key].actor_type != "source", key))
    ]
    return ours + outside_destinations()


def outside_destinations() -> list[Definition]:
    """A definition for each destination of another distribution."""
    return [
        Definition(
            id=str(uuid5(_OUTSIDE, entry.name)),
            name=entry.name.replace("-", " ").capitalize(),
            docker_repository=f"airbyte/destination-{entry.name}",
            docker_image_tag=entry.dist.version if entry.dist else "0",
            actor_type="destination",
        )
        for entry in destination_plugins()
        if f"destination-{entry.name}" not in CONNECTORS
    ]
