"""`lotus landing` shows what is there, as what it is; a query reads what it names."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lotus_server.destinations.conformance.subject import Shape, Sync
from pulumi_airbyte.api.jobs import Attempt, Job, StreamStats
from server_support.postgres import Server
from server_support.subjects import duckdb_subject, postgres_subject

from lotus.errors import ConfigError, LotusError
from lotus.lake.inventory import DLT, DLT_INTERNAL, NO_STREAM, REMOVED, UNKNOWN
from lotus.lake.landing import landing
from lotus.lake.measures import compare_rows, gaps, sizes
from lotus.lake.queries import newest_rows, query
from tests.lake.conftest import Lake, landed

DAY = "shop/orders/year=2026/month=11/day=20"


def notes(lake: Lake) -> dict[str, str]:
    return {f"{day.source}.{day.stream}": day.note for day in landing(lake.session).days}


def test_everything_in_the_place_is_listed_as_what_it_is(lake: Lake):
    """A declared stream, a removed one, another source's, dlt's tables, and files of nobody; all can be queried."""
    row = [landed("2026-11-20", 1)]
    for key in (DAY, "shop/carts/year=2026/month=11/day=20", "old/users/year=2026/month=11/day=20"):
        lake.parquet(f"{key}/part_0.parquet", row)
    lake.parquet("crm/contacts/1700000000.1.parquet", [{"id": 1}])
    lake.parquet("crm/_dlt_loads/1700000000.1.parquet", [{"load_id": "1"}])
    lake.parquet("export/prices.parquet", [{"id": 1}])
    lake.parquet("deep/er/down/prices.parquet", [{"id": 1}])
    expected = {
        "shop.orders": "",
        "shop.carts": REMOVED,
        "old.users": UNKNOWN,
        "crm.contacts": DLT,
        "crm._dlt_loads": DLT_INTERNAL,
        "files.export": NO_STREAM,
        "er.down": NO_STREAM,
    }
    assert notes(lake) == expected
    for table in expected:
        assert query(lake.session, f"select count(*) from {table}").rows == [(1,)], table


def test_a_stream_that_moved_is_listed_in_both_places(lake: Lake, tmp_path: Path):
    """What was left behind is a table of its own, and a line says so."""
    lake.parquet(f"{DAY}/part_0.parquet", [landed("2026-11-20", 1)])
    subject = duckdb_subject(tmp_path)
    Sync(subject, tmp_path, "append", name="orders", exact_name=True, shape=Shape(namespace="shop")).sync([2, 3])
    lake.destination("warehouse", "destination-duckdb", destination_path=str(tmp_path / "lake.duckdb"))
    lake.stream("shop", "orders", "warehouse")
    days = [(day.day, day.files, day.rows, day.note) for day in landing(lake.session).days]
    assert days == [("2023-11-14", None, 2, ""), ("2026-11-20", 1, 1, "shop lands in warehouse now")]
    result = query(lake.session, "select id from shop.orders union all select id from shop.orders_1 order by 1")
    assert [row[0] for row in result.rows] == [1, 2, 3]
    assert "shop.orders_1" in result.notes[0]


@pytest.mark.slow
def test_tables_in_postgres_are_listed_and_queried(lake: Lake, postgres: Server, tmp_path: Path):
    """Long names as Airbyte writes them; a table of a stream without a file is listed with a note."""
    settings = postgres.database()
    subject = postgres_subject(postgres, settings=settings)
    name = "orders" * 15
    for stream in (name, "carts"):
        Sync(subject, tmp_path, "append", name=stream, exact_name=True, shape=Shape(namespace="shop")).sync([1, 2])
    lake.write("Pulumi.dev.yaml", (lake.root / "Pulumi.dev.yaml").read_text())
    lake.destination("warehouse", "destination-postgres", **settings)
    lake.stream("shop", name, "warehouse")
    days = {day.stream: (day.rows, day.note) for day in landing(lake.session).days}
    assert days == {name: (2, ""), "carts": (2, REMOVED)}
    assert query(lake.session, f"select sum(id), max(note) from shop.{name}").rows == [(3, "a")]


def test_a_retyped_column_is_read_as_the_wider_type_and_told(lake: Lake):
    """Integers and numbers as numbers, anything else as text; the first file of each type is named."""
    for number, (total, code) in enumerate(((1, 7), (1.5, "x"), (2, {"a": 1}))):
        lake.parquet(f"{DAY}/part_{number}.parquet", [landed("2026-11-20", number, total=total, code=code)])
    result = query(lake.session, "select total, code from shop.orders order by id")
    assert result.rows == [(1.0, "7"), (1.5, "x"), (2.0, '{"a":1}')]
    folder = lake.landing / DAY
    assert result.notes[0] == (
        'shop.orders: column "total" is read as DOUBLE: '
        f"it is int64 ({folder}/part_0.parquet), double ({folder}/part_1.parquet)"
    )
    assert result.notes[1].startswith('shop.orders: column "code" is read as VARCHAR: it is int64 (')


def test_a_new_member_is_null_in_older_rows(lake: Lake):
    """Objects that differ by their members are read with all of them."""
    for number, address in enumerate(({"street": "x"}, {"street": "y", "city": "z"})):
        lake.parquet(f"{DAY}/part_{number}.parquet", [landed("2026-11-20", number, address=address)])
    rows = query(lake.session, "select address from shop.orders order by id").rows
    assert [row[0] for row in rows] == [{"street": "x", "city": None}, {"street": "y", "city": "z"}]


def test_a_bad_stream_breaks_no_query_on_others(lake: Lake):
    """A file that is no Parquet is an error for its own stream alone, and the listing goes on."""
    lake.parquet(f"{DAY}/part_0.parquet", [landed("2026-11-20", 1)])
    broken = lake.landing / "shop/carts/year=2026/month=11/day=20/part_0.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not Parquet")
    assert query(lake.session, "select id from shop.orders").rows == [(1,)]
    with pytest.raises(LotusError, match="cannot be read") as failed:
        query(lake.session, "select id from shop.carts")
    assert failed.value.where == str(broken)
    assert {day.stream: day.rows for day in landing(lake.session).days} == {"orders": 1, "carts": None}


def test_columns_that_differ_in_case_get_names_of_their_own(lake: Lake):
    """SQL does not tell them apart, so one gets a number, and a line says so."""
    lake.parquet(f"{DAY}/part_0.parquet", [landed("2026-11-20", 1, Total=1, total=2)])
    lake.parquet(f"{DAY}/part_1.parquet", [landed("2026-11-20", 2, total=3)])
    result = query(lake.session, 'select "Total", total_1 from shop.orders order by id')
    assert result.rows == [(1, 2), (None, 3)]
    assert result.notes == [
        'shop.orders: column "total" is read as "total_1": SQL does not tell it from one whose name differs by case'
    ]


def test_an_empty_stream_is_an_empty_table(lake: Lake):
    """With the columns that its catalog has, in their types."""
    result = query(lake.session, """select id + 1, note || 'x', "at" + interval 1 day from shop.orders""")
    assert result.rows == []
    assert result.notes == ["nothing has landed of shop.orders yet: it is empty"]


def test_nobody_sees_what_a_table_is_made_of(lake: Lake):
    """The list of tables has the streams alone."""
    for number, total in enumerate((1, "x")):
        lake.parquet(f"{DAY}/part_{number}.parquet", [landed("2026-11-20", number, total=total)])
    tables = query(lake.session, "select schema, name from (show all tables)").rows
    assert tables == [("shop", "orders")]


def test_a_sample_has_the_newest_rows(lake: Lake):
    """By its name alone, or with its source."""
    lake.parquet(f"{DAY}/part_0.parquet", [landed(f"2026-11-2{number}", number) for number in range(3)])
    names = ("orders", "shop.orders", "shop/orders")
    assert [[row[4] for row in newest_rows(lake.session, name, rows=2).rows] for name in names] == [[2, 1]] * 3
    with pytest.raises(ConfigError, match='nothing landed under the name "order"'):
        newest_rows(lake.session, "order")


def test_gaps_are_the_days_on_which_a_sync_was_due(lake: Lake):
    """Two gaps: of one day, and from the last landing until yesterday."""
    for day in (20, 21, 23):
        lake.parquet(f"shop/orders/year=2026/month=11/day={day}/part_0.parquet", [landed(f"2026-11-{day}", 1)])
    days = gaps(lake.session, today=date(2026, 11, 27))
    assert [(gap.stream, gap.begin, gap.end, gap.days) for gap in days] == [
        ("orders", "2026-11-22", "2026-11-22", 1),
        ("orders", "2026-11-24", "2026-11-26", 3),
    ]


def test_sizes_count_small_files_and_growth(lake: Lake):
    """Bytes as they are stored."""
    files = [
        lake.parquet(f"shop/orders/year=2026/month=11/day={day}/part_0.parquet", [landed(f"2026-11-{day}", 1)])
        for day in (10, 25)
    ]
    (size,) = sizes(lake.session, today=date(2026, 11, 27))
    total = sum(file.stat().st_size for file in files)
    assert (size.files, size.bytes, size.small_files, size.recent_bytes) == (2, total, 2, files[1].stat().st_size)


def job(number: int, rows: int) -> Job:
    """A job that committed rows of `orders`."""
    stats = StreamStats("orders", None, rows, rows, 0, 0)
    attempt = Attempt(0, "succeeded", 0, 0, 0, rows, 0, (stats,))
    return Job(number, "sync", "succeeded", "connection", 0, 0, (attempt,))


def test_a_comparison_names_missing_rows_and_duplicates(lake: Lake):
    """Job 1 committed a row that is not there; the key 2 is there twice. Rows of other jobs do not fill the gap."""
    rows = [landed("2026-11-20", number) for number in (1, 2)]
    later = {**landed("2026-11-21", 2), "_airbyte_meta": {"sync_id": 2, "changes": []}}
    lake.parquet(f"{DAY}/part_0.parquet", [*rows, later])
    (orders,) = compare_rows(lake.session, jobs={"shop": [job(2, 1), job(1, 3)]})
    assert (orders.committed, orders.landed, orders.missing, orders.duplicates) == (4, 3, 1, 1)


def test_files_of_json_lines_are_queried(lake: Lake):
    """As flattened lines."""
    file = lake.landing / DAY / "part_0.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text('{"_airbyte_raw_id":"a","id":1}\n{"_airbyte_raw_id":"b","id":2}\n')
    assert query(lake.session, "select sum(id) from shop.orders").rows == [(3,)]


def test_a_twin_column_in_a_file_is_named(lake: Lake):
    """Files of an earlier version may have it."""
    path = lake.landing / DAY / "part_0.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(LotusError, match="two columns of one name"):
        query(lake.session, "select * from shop.orders")
