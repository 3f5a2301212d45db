"""What is Postgres's own; everything that it shares with other destinations is in test_conformance.py."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from lotus_server.destinations.conformance.subject import Sync
from lotus_server.destinations.destination import DestinationStream, TransientDestinationError
from lotus_server.destinations.postgres import Postgres
from lotus_server.destinations.postgres_types import sql_name
from lotus_server.destinations.records import RecordParser
from server_support.postgres import PASSWORD, Server
from server_support.subjects import postgres_subject

pytestmark = pytest.mark.slow
NAMES: list[tuple[str, str]] = json.loads(
    (Path(__file__).parents[1] / "server_support" / "cases" / "postgres_names.json").read_text()
)


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_names_are_those_of_airbyte(name: str, expected: str) -> None:
    """The client has the same table of cases."""
    assert sql_name(name) == expected


def test_names_that_become_one_are_refused(postgres: Server, tmp_path: Path) -> None:
    """The second stream's sync stops, and says which stream the table is."""
    subject = postgres_subject(postgres)
    unique = uuid.uuid4().hex[:8]
    Sync(subject, tmp_path, "append", name=f"a b {unique}", exact_name=True).sync([1])
    with pytest.raises(Exception, match="both names become one in Postgres"):
        Sync(subject, tmp_path, "append", name=f"a-b-{unique}", exact_name=True).sync([2])


def test_columns_of_airbytes_own_tables_lose_no_digit(postgres: Server, tmp_path: Path) -> None:
    """Airbyte's numbers have nine digits after the point unless it is told otherwise; its table is widened."""
    subject = postgres_subject(postgres)
    sync = Sync(subject, tmp_path, "append", name="numbers")
    sync.properties = {"id": {"type": "integer"}, "value": {"type": "number"}}
    sync.sync([{"id": 1, "value": 1.5}])
    destination = subject.make()
    assert isinstance(destination, Postgres)
    table = destination.table(sync.stream(destination)).name
    with postgres.connected(destination.configuration.database) as db:
        db.execute(f'ALTER TABLE {table} ALTER "value" TYPE numeric(38, 9)')
    sync.sync([{"id": 2, "value": 1e-12}])
    assert float(sync.row(2)["value"]) == 1e-12


def test_a_server_that_is_away_is_tried_again_and_a_wrong_password_is_not(postgres: Server) -> None:
    """The words name the place and never the password."""
    away = Postgres.configured({**postgres.settings(), "port": 1})
    with pytest.raises(TransientDestinationError, match=r"127\.0\.0\.1:1"):
        away.check()
    wrong = Postgres.configured({**postgres.settings(), "username": "nobody"})
    with pytest.raises(Exception, match="authentication failed") as refused:
        wrong.check()
    assert not isinstance(refused.value, TransientDestinationError)
    assert PASSWORD not in str(refused.value)


def test_halves_of_characters_in_json_are_replaced() -> None:
    """JSON may escape them, and `jsonb` refuses them; the row says that a value was changed."""
    destination = Postgres.configured({"host": "localhost", "database": "lake", "username": "lotus"})
    fields = destination.fields({"properties": {"free": {"type": "object"}}})
    stream = DestinationStream("halves", None, "append", fields)
    parser = RecordParser(stream)
    free = rb'{"half":"a\ud800b","pair":"\ud83d\ude00","nul":"\u0000","text":"\\u0000"}'
    line = b'{"type":"RECORD","record":{"stream":"halves","emitted_at":1,"data":{"free":' + free + b"}}}\n"
    (batch,) = parser.lines(line) + parser.batches()
    (row,) = destination.storable(stream, batch).to_pylist()
    assert json.loads(row["free"]) == {"half": "a\ufffdb", "pair": "\U0001f600", "nul": "", "text": "\\u0000"}
    assert [change["field"] for change in row["_airbyte_meta"]["changes"]] == ["free"]
