"""The suite itself: each fault, planted in the Postgres destination by changing a line or two, is caught by a case."""

# ruff: noqa: E501 - lines of the destination's source, and what replaces them

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lotus_server.destinations
import pytest
from lotus_server.destinations.conformance import CASES, Subject
from server_support.postgres import Server
from server_support.subjects import postgres_subject

pytestmark = pytest.mark.slow
MODULES = ("postgres", "postgres_table", "postgres_types")


@dataclass(frozen=True)
class Fault:
    """What is planted: texts of the destination's source and what replaces them; and the case that has to fail."""

    case: str
    changes: tuple[tuple[str, str], ...]


def fault(case: str, *changes: tuple[str, str]) -> Fault:
    return Fault(case, changes)


NO_TOKEN = ("if not self._is_published(db, stream):", "if True:")
NO_REQUIREMENT = ("                self._require(db, staged)\n", "")
TOKEN_QUERY = ("return db.execute(query, [stream.publication])", "return db.execute(query, [TOKEN])")
TOKEN_INSERT = ('VALUES (%s, now())", [stream.publication])', 'VALUES (%s, now())", [TOKEN])')


def token(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((old, new.replace("TOKEN", text)) for old, new in (TOKEN_QUERY, TOKEN_INSERT))


FAULTS = {
    # The eighteen that were planted first.
    "publish repeats itself": fault(
        "publishing_twice_shows_once", NO_TOKEN, ("            self._drop(db, staged)\n", "")
    ),
    "replace keeps the old table": fault("every_mode_shows_what_it_says", ("if replace:", "if False:")),
    "replace without rows does nothing": fault("an_empty_sync_is_fine", ("if replace:", "if replace and staged:")),
    "new columns are not added": fault(
        "columns_may_come_and_go",
        ("            if change.old is None:\n", "            if change.old is None:\n                continue\n"),
    ),
    "integers of 32 bits": fault("numbers_keep_every_digit", ('"integer": "bigint"', '"integer": "integer"')),
    "clean drops nothing": fault(
        "clean_drops_what_was_staged_and_nothing_else",
        ('self._drop(db, [str(receipt["table"]) for receipt in receipts])', "pass"),
    ),
    "nothing is noted": fault("a_crash_leaves_nothing_staged", ("        note(receipt)\n", "        del note\n")),
    "the older row stays": fault(
        "the_newest_row_by_cursor_stays", ("{cursor} DESC NULLS LAST", "{cursor} ASC NULLS LAST")
    ),
    "the cursor is ignored": fault("the_newest_row_by_cursor_stays", ('order = f"{cursors}', 'order = f"')),
    "rows of the table are forgotten": fault(
        "an_older_row_that_comes_later_does_not_win",
        (
            'FROM {self.name} WHERE {matches}")\n        db.execute(f"DELETE',
            'FROM {self.name} WHERE false")\n        db.execute(f"DELETE',
        ),
    ),
    "null never equals null": fault(
        "null_is_a_key_like_others",
        ('key = "jsonb_build_array({})".format(", ".join(keys))', 'key = "({})".format(", ".join(keys))'),
    ),
    "the namespace is ignored": fault(
        "namespaces_do_not_mix",
        ("sql_name(self.stream.namespace or self.default_schema)", "sql_name(self.default_schema)"),
        ("json.dumps([self.stream.namespace or self.default_schema, self.stream.name])", "self.stream.name"),
    ),
    "nested values as Python shows them": fault(
        "nested_values_land_whole",
        ("nested_as_json = True", "nested_as_json = False"),
        ('else ColumnType("json")', 'else ColumnType("text" if name != META else "json")'),
        (
            "    return values.cast(pa.string())",
            "    if pa.types.is_nested(values.type):\n        return pa.array([None if v is None else str(v) for v in values.to_pylist()], pa.string())\n    return values.cast(pa.string())",
        ),
    ),
    "NUL is sent to the server": fault("a_nul_in_a_text_is_kept_or_told", ("stores_nul = False", "stores_nul = True")),
    "names are cut by the server": fault(
        "long_names_do_not_mix",
        ('return f"{plain[:54]}_{str(_java_hash(plain))[-8:]}"', "return plain[:63]"),
        ("if comment and", "if False and comment and"),
    ),
    "times lose their zone": fault(
        "times_keep_their_zone",
        ('"timestamp_with_timezone": "timestamp with', '"timestamp_with_timezone": "timestamp without'),
    ),
    "the check always passes": fault(
        "a_check_that_cannot_work_fails",
        (
            "        with self._transaction() as db:\n            for schema in",
            "        return\n        with self._transaction() as db:\n            for schema in",
        ),
    ),
    "the metadata is dropped": fault(
        "airbytes_columns_land_with_every_row",
        ("    changes: Iterable[Any] = value", "    return '{}'\n    changes: Iterable[Any] = value"),
    ),
    # Others of the same kinds.
    "changes are dropped": fault("a_value_that_does_not_fit_is_told", ('"changes": list(changes)', '"changes": []')),
    "the first batch alone is staged": fault(
        "every_batch_of_a_stage_lands",
        ("                    copy.write(rows)\n", "                    copy.write(rows)\n                    break\n"),
    ),
    "the first receipt alone is shown": fault(
        "a_buffer_of_nothing_still_publishes", ("table.insert(db, staged)", "table.insert(db, staged[:1])")
    ),
    "empty texts become null": fault(
        "texts_land_as_they_were_sent",
        ('_NULL = "\\\\N"', '_NULL = ""'),
        ('FROM STDIN")', "FROM STDIN WITH (NULL '')\")"),
    ),
    "backslashes are not escaped": fault("texts_land_as_they_were_sent", ('("\\\\", "\\\\\\\\"), ', "")),
    "numbers of 32 bits": fault("numbers_keep_every_digit", ('"number": "numeric"', '"number": "real"')),
    "a token of the job's number": fault(
        "two_servers_may_write_to_one_place", *token('f"{stream.name} {stream.sync_id}"')
    ),
    "a token of job and generation": fault(
        "a_new_server_begins_again", *token('f"{stream.name} {stream.sync_id} {stream.generation_id}"')
    ),
    "tokens are forgotten by the job's number": fault(
        "two_servers_may_write_to_one_place",
        ("WHERE published_at < now() - interval '{TOKEN_DAYS} days'", ""),
        ("            self._drop(db, staged)\n", ""),
    ),
    "clean drops everybody's": fault(
        "clean_drops_what_was_staged_and_nothing_else",
        (
            '        for table in staged:\n            db.execute(f"DROP',
            "        for (table,) in db.execute(\"SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE tablename LIKE 'lotus_staged%'\").fetchall():\n            db.execute(f\"DROP",
        ),
    ),
    "clean takes what is not there for an error": fault(
        "clean_drops_what_was_staged_and_nothing_else", ("DROP TABLE IF EXISTS {table}", "DROP TABLE {table}")
    ),
    "noted after it was made": fault(
        "a_stage_that_dies_is_cleaned_by_what_it_noted",
        ("        note(receipt)\n", ""),
        (
            '        return {**receipt, "bytes": size}',
            '        note(receipt)\n        return {**receipt, "bytes": size}',
        ),
        (
            "            with self._connection.transaction():\n                yield",
            "            if True:\n                yield",
        ),
    ),
    "no transaction": fault(
        "a_publication_that_cannot_be_finished_changes_nothing",
        (
            "            with self._connection.transaction():\n                yield",
            "            if True:\n                yield",
        ),
        NO_REQUIREMENT,
    ),
    "lost rows are taken for none": fault(
        "a_publication_that_cannot_be_finished_changes_nothing",
        NO_REQUIREMENT,
        (
            "                if staged:\n",
            "                staged = [t for t in staged if db.execute('SELECT to_regclass(%s)', [t]).fetchone()[0]]\n                if staged:\n",
        ),
    ),
    "a part of the key is ignored": fault(
        "every_part_of_a_key_counts",
        ("        keys = self.keys()\n        if not keys:", "        keys = self.keys()[:1]\n        if not keys:"),
    ),
    "the position is ignored": fault(
        "of_equal_cursors_the_later_row_wins", ("_lotus_part DESC, {POSITION} DESC", "_lotus_part ASC, {POSITION} ASC")
    ),
    "the time of extraction is ignored": fault(
        "of_equal_cursors_the_later_row_wins", ("{quoted(EXTRACTED_AT)} DESC, ", "")
    ),
    "a cursor that is null is the newest": fault(
        "the_newest_row_by_cursor_stays", ("DESC NULLS LAST", "DESC NULLS FIRST")
    ),
    "a refresh of an append adds": fault(
        "a_refresh_replaces_older_generations", ("if replace:", "if replace and stream.mode.startswith('overwrite'):")
    ),
    "append merges": fault("every_mode_shows_what_it_says", (' if self.stream.mode.endswith("dedup") else []', "")),
    "merging deletes all other rows": fault(
        "rows_that_do_not_come_again_stay",
        ('db.execute(f"DELETE FROM {self.name} WHERE {matches}")', 'db.execute(f"DELETE FROM {self.name}")'),
    ),
    "the database's cast is the schema evolution": fault(
        "a_changed_type_loses_nothing",
        ("                self._retype(db, change.column, change.old, change.new)\n", "                pass\n"),
        ('return f"to_jsonb({value})" if new.kind == "json" else', "return"),
    ),
    "a retyped column is made anew": fault(
        "a_changed_type_loses_nothing",
        (
            "                self._retype(db, change.column, change.old, change.new)\n",
            '                db.execute(f"ALTER TABLE {self.name} DROP COLUMN {column}, ADD COLUMN {column} {TYPES[change.new.kind]}")\n',
        ),
    ),
    "names lose their case": fault(
        "names_that_differ_in_case_do_not_mix",
        ("plain = column_name(name)", "plain = column_name(name).lower()"),
        ("if comment and", "if False and comment and"),
    ),
    "the generation is lost": fault(
        "airbytes_columns_land_with_every_row",
        (
            "    if name == META:",
            "    if name == '_airbyte_generation_id':\n        return pa.array(['0'] * len(values))\n    if name == META:",
        ),
    ),
    "the time of extraction is now": fault(
        "airbytes_columns_land_with_every_row",
        (
            '        values = values.cast(pa.timestamp("ms", "UTC"))\n',
            "        return pa.array(['now'] * len(values))\n",
        ),
    ),
    "what was published stays staged": fault(
        "a_sync_leaves_nothing_staged", ("            self._drop(db, staged)\n", "")
    ),
    "an error is no reason": fault(
        "a_check_that_cannot_work_fails", ("raise self._translated(error) from error", "pass")
    ),
}


def planted(fault: Fault, name: str, folder: Path) -> type[Any]:
    """The destination with the fault, from modules of its own."""
    home = Path(lotus_server.destinations.__file__).parent
    sources = {module: (home / f"{module}.py").read_text() for module in MODULES}
    for old, new in fault.changes:
        places = [module for module, text in sources.items() if old in text]
        assert len(places) == 1, f"{old!r} is in {places}: the destination was changed, so change the fault"
        assert sources[places[0]].count(old) >= 1
        sources[places[0]] = sources[places[0]].replace(old, new)
    for module, text in sources.items():
        (folder / f"{name}_{module}.py").write_text(
            text.replace("lotus_server.destinations.postgres", f"{name}_postgres")
        )
    return importlib.import_module(f"{name}_postgres").Postgres


@pytest.mark.parametrize("name", FAULTS)
def test_the_suite_catches_a_planted_fault(
    name: str, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case fails with the fault; without it, test_conformance.py sees it pass."""
    monkeypatch.syspath_prepend(tmp_path)
    destination = planted(FAULTS[name], f"planted_{list(FAULTS).index(name)}", tmp_path)
    subject: Subject = postgres_subject(postgres, destination)
    case: Callable[[Subject, Path], None] = CASES[FAULTS[name].case]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(Exception):  # noqa: B017 - an assertion, or the destination's own error
        case(subject, scratch)
