"""`renamed_from`: what a name gives by default stays, and a name before that cannot be one is a fault."""

from __future__ import annotations

import pytest

SOURCE = "streams/shop/_source.json"
LAKE = "streams/_destinations/lake.json"


def test_a_renamed_folder_keeps_its_name_in_airbyte_and_its_paths(write, loaded, tmp_path) -> None:
    """Both would come from the folder's name; only the names in Pulumi's state are others."""
    content = {"connector": "source-web-shop", "renamed_from": "s09"}
    write("streams/shop/_discovered/_spec.json", None)
    write(SOURCE, content)

    project = loaded()
    connection = project.connections[0]

    assert not project.faults
    assert project.title_of(connection) == "S09 → Lake"
    assert connection.namespace_of(connection.streams[0]) == "s09"
    assert connection.names == ("shop", "s09")


@pytest.mark.parametrize(
    ("file", "content", "place"),
    [
        (SOURCE, {"connector": "source-x", "renamed_from": "mail"}, f"LOT057 {SOURCE}:3:19"),
        (SOURCE, {"connector": "source-x", "renamed_from": ""}, f"LOT012 {SOURCE}:3:19"),
        (SOURCE, {"connector": "source-x", "renamed_from": ["s09"]}, f"LOT011 {SOURCE}:3:3"),
        (SOURCE, {"connector": "source-x", "renamed_from": "s10"}, f"LOT057 {SOURCE}:3:19"),
        (SOURCE, {"connector": "source-x", "renamedfrom": "s10"}, f"LOT010 {SOURCE}:3:3"),
        (LAKE, {"connector": "destination-duckdb", "configuration": {}, "renamed_from": "lake"}, f"LOT057 {LAKE}:4:19"),
        (
            "Pulumi.dev.yaml",
            "config:\n  lotus:overrides:\n    shop: {renamed_from: mail}\n",
            "LOT057 Pulumi.dev.yaml:3:12",
        ),
    ],
)
def test_a_name_before_that_cannot_be_one_is_a_fault(file: str, content: object, place: str, write, loaded) -> None:
    write("streams/mail/_source.json", {"connector": "source-mail", "renamed_from": "s10"})
    write("streams/shop/_discovered/_spec.json", None)
    write(file, content)

    assert place in [f"{fault.code} {fault.where}" for fault in loaded().faults]
