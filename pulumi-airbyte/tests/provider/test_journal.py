"""The journal: what is written, where, and what can be read back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pulumi_airbyte.provider.faults import ProviderError
from pulumi_airbyte.provider.journal import Journal, body_hash
from pulumi_airbyte.provider.values import Values

URN = "urn:pulumi:dev::project::airbyte:index/source:Source::orders"
INPUTS = Values(
    {"name": "orders", "configuration": {"host": "h", "pin": "1234"}}, frozenset({("configuration", "pin")})
)


def journal(folder: Path) -> Journal:
    return Journal({"PULUMI_BACKEND_URL": f"file://{folder}", "PULUMI_HOME": str(folder / "home")})


def test_an_intent_survives_the_process(tmp_path: Path):
    """Another process, after a kill, reads what this one wrote."""
    asyncio.run(journal(tmp_path).open(URN, "kind", INPUTS, ["a", "b"]))
    found = asyncio.run(journal(tmp_path).intent(URN))

    assert found is not None
    assert (found.urn, found.before, found.id) == (URN, ("a", "b"), None)


def test_the_id_is_added_and_the_intent_closed(tmp_path: Path):
    """Its whole life."""

    async def life() -> list[str | None]:
        held = journal(tmp_path)
        await held.finish(await held.open(URN, "kind", INPUTS, []), "id-1")
        first = await held.intent(URN)
        await held.close(URN)
        second = await held.intent(URN)
        return [first and first.id, second and second.id]

    assert asyncio.run(life()) == ["id-1", None]


def test_nothing_secret_is_written(tmp_path: Path):
    """Nor a hash that a short secret could be guessed from."""
    asyncio.run(journal(tmp_path).open(URN, "kind", INPUTS, []))
    other = Values({**INPUTS.data, "configuration": {"host": "h", "pin": "9999"}}, INPUTS.secrets)

    assert "1234" not in "".join(file.read_text() for file in tmp_path.rglob("*.json"))
    assert body_hash(INPUTS) == body_hash(other)


def test_another_stack_or_project_finds_nothing(tmp_path: Path):
    """What one state asked for is none of another's business."""
    asyncio.run(journal(tmp_path).open(URN, "kind", INPUTS, []))

    for other in (URN.replace(":dev:", ":prod:"), URN.replace("project", "other")):
        assert asyncio.run(journal(tmp_path).intent(other)) is None


def test_the_ids_of_the_state_are_read_from_beside_it(tmp_path: Path):
    """They tell what a replacement must not take over."""
    file = tmp_path / ".pulumi" / "stacks" / "project" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"checkpoint": {"latest": {"resources": [{"urn": URN, "id": "known"}, {"urn": "x"}]}}}))

    assert asyncio.run(journal(tmp_path).known_to_state(URN)) == {"known"}


def test_another_backend_keeps_the_journal_at_home(tmp_path: Path):
    """Pulumi Cloud has no place for it; what its state knows is not known then."""
    held = Journal({"PULUMI_BACKEND_URL": "https://api.pulumi.com", "PULUMI_HOME": str(tmp_path)})
    asyncio.run(held.open(URN, "kind", INPUTS, []))

    assert asyncio.run(held.known_to_state(URN)) is None
    assert list((tmp_path / "airbyte-journal").rglob("*.json"))


def test_a_journal_that_cannot_be_written_stops_the_create(tmp_path: Path):
    """Without it a lost answer would leave an orphan."""
    (tmp_path / ".pulumi").write_text("in the way")

    with pytest.raises(ProviderError, match="nothing is created"):
        asyncio.run(journal(tmp_path).open(URN, "kind", INPUTS, []))
