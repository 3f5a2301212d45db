"""Connectors that several sources share: a manifest or an image below `_connectors`."""

from __future__ import annotations

import pytest

from tests.support.manifest import MANIFEST

SOURCE = "streams/shop/_source.json"


def test_two_sources_share_one_manifest(write, loaded) -> None:
    write("streams/_connectors/store.yaml", MANIFEST)
    write("streams/shop/_discovered/_spec.json", None)
    write(SOURCE, {"connector": "_connectors/store", "configuration": {"shop": {"$config": "shop_name"}}})
    write("streams/mail/_source.json", {"connector": "_connectors/store"})

    project = loaded()

    assert not project.faults
    assert {source.connector.shared for source in project.sources} == {"store"}
    assert all(source.manifest for source in project.sources)


def test_a_shared_image_has_its_repository_and_tag(write, loaded) -> None:
    write("streams/_connectors/store.json", {"image": "ghcr.io/acme/source-store:1.2.3"})
    write("streams/mail/_source.json", {"connector": "_connectors/store"})

    connector = loaded().connections[0].source.connector

    assert (connector.kind, connector.repository, connector.version) == ("image", "ghcr.io/acme/source-store", "1.2.3")


@pytest.mark.parametrize(
    ("file", "content", "place"),
    [
        (SOURCE, {"connector": "_connectors/stor"}, f"LOT040 {SOURCE}:2:16"),
        ("streams/_connectors/other.json", {"image": "source-store"}, "LOT040 streams/_connectors/other.json:2:12"),
        ("streams/_connectors/other.json", {"imagee": "x"}, "LOT010 streams/_connectors/other.json:2:3"),
        ("streams/_connectors/other.json", {"image": 1}, "LOT011 streams/_connectors/other.json:2:12"),
        ("streams/_connectors/store.json", {"image": "a/b:1"}, "LOT014 streams/_connectors/store.yaml"),
        ("streams/_connectors/other.yaml", "version: 1\n", "LOT041 streams/_connectors/other.yaml:1:1"),
        (
            "Pulumi.dev.yaml",
            "config:\n  lotus:config: {shop_name: x}\n  lotus:overrides:\n    _connectors/image: {image: nope}\n",
            "LOT040 Pulumi.dev.yaml:4:25",
        ),
    ],
)
def test_a_fault_is_named_at_its_place(file: str, content: object, place: str, write, loaded) -> None:
    write("streams/_connectors/store.yaml", MANIFEST)
    write("streams/_connectors/image.json", {"image": "ghcr.io/acme/source-store:1.2.3"})
    write(file, content)

    assert place in [f"{fault.code} {fault.where}" for fault in loaded().faults]
