"""The life of a backfill, arrow by arrow, by `pulumi up`; rows are counted in the landing zone, read back."""

from __future__ import annotations

import json

import pytest
import yaml

from .conftest import ROWS, make_lake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def rows(lake) -> tuple[int, int]:
    """Rows of orders and of customers."""
    lake.settle()
    return lake.rows("orders"), lake.rows("customers")


def test_a_flag_asks_once_for_that_stream_alone(lake):
    """false → true reads orders again; its rows land a second time, and customers stay as they were."""
    lake.stream("orders", backfill=True)
    lake.up()

    assert lake.asked() == [("refresh", ["orders"])]
    assert rows(lake) == (2 * ROWS, ROWS)


def test_a_flag_that_stays_does_nothing_more(lake):
    """true again: no difference, no call, no rows."""
    lake.stream("orders", backfill=True)
    lake.up()
    lake.settle()

    lake.pulumi("preview", "--expect-no-changes")
    lake.up()

    assert lake.asked() == [("refresh", ["orders"])]
    assert rows(lake) == (2 * ROWS, ROWS)


def test_taking_the_flag_away_calls_nobody_and_setting_it_again_asks_again(lake):
    """true → false: gone, no call; → true: asks again."""
    lake.stream("orders", backfill=True)
    lake.up()
    lake.settle()

    lake.stream("orders", backfill=False)
    assert "deleted" in lake.up()
    assert lake.asked() == [("refresh", ["orders"])]
    assert lake.receipt("orders") is None
    assert rows(lake) == (2 * ROWS, ROWS)

    lake.stream("orders", backfill=True)
    lake.up()
    assert lake.asked() == [("refresh", ["orders"])] * 2
    assert rows(lake) == (3 * ROWS, ROWS)


def test_a_new_token_asks_again_as_an_update(lake):
    """Another token is another request; the resource is updated, never replaced."""
    lake.stream("orders", backfill="2026-11-20 ids were null")
    lake.up()
    lake.stream("orders", backfill="2026-11-21 once more")
    printed = lake.up()

    assert "1 updated" in printed
    assert "replaced" not in printed
    assert lake.asked() == [("refresh", ["orders"])] * 2
    assert rows(lake) == (3 * ROWS, ROWS)


def test_two_streams_at_once_are_one_job(lake):
    """Flags of two streams of a source go along in one request: neither cancels the other."""
    for name in ("orders", "customers"):
        lake.stream(name, backfill=True)
    lake.up()

    assert lake.asked() == [("refresh", ["customers", "orders"])]
    assert rows(lake) == (2 * ROWS, 2 * ROWS)
    lake.pulumi("preview", "--expect-no-changes")


def test_a_second_stream_later_does_not_repeat_the_first(lake):
    """A flag that stays on one stream is not asked for again when another stream gets one."""
    lake.stream("orders", backfill=True)
    lake.up()
    lake.stream("customers", backfill=True)
    lake.up()

    assert lake.asked() == [("refresh", ["orders"]), ("refresh", ["customers"])]
    assert rows(lake) == (2 * ROWS, 2 * ROWS)


def test_a_new_connection_has_nothing_to_read_again(server, tmp_path):
    """A flag that comes with its connection calls nobody, says so, and the first sync reads all once."""
    lake = make_lake(tmp_path, server)
    lake.stream("orders", backfill=True)
    previewed = lake.pulumi("preview").stdout
    printed = lake.up()
    lake.sync()

    assert "a new connection has nothing to read again" in previewed
    assert "its first sync reads all of it" in printed
    assert lake.receipt("orders")["status"] == "nothing"
    assert lake.asked() == []
    assert rows(lake) == (ROWS, ROWS)
    lake.pulumi("preview", "--expect-no-changes")


def test_a_receipt_is_completed_by_refresh(lake):
    """The receipt holds job, times and rows before; a refresh adds how it ended and what it read."""
    lake.stream("orders", backfill=True)
    lake.up()
    lake.settle()
    lake.pulumi("refresh", "--yes")
    receipt = lake.receipt("orders")

    assert receipt["status"] == "succeeded"
    assert (receipt["rows_before"], receipt["rows_read"]) == (ROWS, ROWS)
    assert receipt["job_id"] in [job["id"] for job in lake.server.jobs(lake.connection_id, "refresh")]
    lake.pulumi("preview", "--expect-no-changes")


def confirm(lake, *phrases: str) -> None:
    """Writes the consent into the stack's file, as `pulumi config set` does."""
    file = lake.folder / "Pulumi.prod.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["config"]["lotus:confirm"] = list(phrases)
    file.write_text(yaml.safe_dump(settings, allow_unicode=True))


def test_refresh_and_remove_needs_a_consent_and_leaves_each_row_once(lake):
    """Without consent nothing is asked, and the refusal holds what to paste; with it, old files go after success."""
    lake.stream("orders", backfill={"request": "ids were null", "mode": "refresh_and_remove"})
    refused = lake.up(check=False)
    phrase = f"replace stream orders of {lake.title}: ids were null"

    assert phrase in refused
    assert lake.asked() == []

    confirm(lake, phrase)
    lake.up()
    assert lake.asked() == [("refresh", ["orders"])]
    assert rows(lake) == (ROWS, ROWS)


def test_a_clear_takes_state_and_files_of_that_stream(lake):
    """clear: nothing of orders is left, customers stay, and the next sync reads orders anew."""
    lake.stream("orders", backfill={"request": "wrong account", "mode": "clear"})
    confirm(lake, f"clear stream orders of {lake.title}: wrong account")
    lake.up()

    assert lake.asked() == [("clear", ["orders"])]
    assert rows(lake) == (0, ROWS)
    lake.sync()
    assert rows(lake) == (ROWS, ROWS)


def test_a_clear_with_sync_ends_with_the_rows(lake):
    """clear and "sync": true: one clear, one sync after it."""
    lake.stream("orders", backfill={"request": "wrong account", "mode": "clear", "sync": True})
    confirm(lake, f"clear stream orders of {lake.title}: wrong account")
    lake.up()

    assert rows(lake) == (ROWS, ROWS)
    kinds = [job["configType"] for job in lake.server.jobs(lake.connection_id)]
    assert kinds == ["sync", "reset_connection", "sync"]
    lake.pulumi("preview", "--expect-no-changes")


def test_from_reads_again_from_a_date_on(lake):
    """from: the cursor is set back, and only the rows after that day land a second time."""
    lake.stream("orders", backfill={"request": "late changes", "from": "2025-01-11"})
    lake.up()

    assert lake.asked() == []
    assert rows(lake) == (ROWS + 9, ROWS)


def test_from_that_the_state_cannot_say_is_refused_with_the_reason(lake):
    """A date after the cursor would leave rows out: nothing is changed."""
    lake.stream("orders", backfill={"request": "x", "from": "2025-06-01"})
    printed = lake.up(check=False)

    assert "stands at 2025-01-20T00:00:00Z already" in printed
    assert len(lake.server.jobs(lake.connection_id)) == 1


def test_the_preview_says_what_will_happen_to_the_data(lake):
    """Cursor, rows, and that rows will land twice, before anything is asked; not again once it was."""
    lake.stream("orders", backfill=True)
    before = lake.preview()
    lake.up()
    after = lake.preview()

    assert '{"updated_at": "2025-01-20T00:00:00Z"} → none (the start)' in before
    assert f"about {ROWS} rows" in before
    assert "a second time; it has no key" in before
    assert "a second time" not in after


def test_a_running_job_is_waited_for_and_not_cancelled(lake):
    """A sync that runs when the flag comes is let end first."""
    lake.control(seconds=8)
    lake.server.config("/connections/sync", {"connectionId": lake.connection_id})
    lake.stream("orders", backfill=True)
    lake.up()
    lake.control()
    lake.settle()

    kinds = [(job["configType"], job["status"]) for job in lake.server.jobs(lake.connection_id)]
    assert kinds == [("sync", "succeeded"), ("sync", "succeeded"), ("refresh", "succeeded")]


def test_a_job_that_runs_too_long_is_an_error_and_nothing_is_asked(lake):
    """The wait is bounded; the next run asks."""
    lake.control(seconds=25)
    lake.server.config("/connections/sync", {"connectionId": lake.connection_id})
    lake.stream("orders", backfill=True)
    printed = lake.up(check=False, LOTUS_BACKFILL_WAIT="2")

    assert "nothing was asked" in printed
    assert lake.asked() == []
    lake.server.config("/jobs/cancel", {"id": lake.server.jobs(lake.connection_id)[-1]["id"]})
    lake.control()
    lake.up()
    assert lake.asked() == [("refresh", ["orders"])]


def test_a_failed_job_is_asked_for_again_by_the_next_run(lake):
    """The same request, another job; what landed before is there throughout."""
    lake.control(fail=True)
    lake.stream("orders", backfill=True)
    lake.up()
    lake.settle()
    lake.control()
    printed = lake.up()
    lake.settle()

    assert "1 updated" in printed
    assert [job["status"] for job in lake.server.jobs(lake.connection_id, "refresh")] == ["failed", "succeeded"]
    assert rows(lake) == (2 * ROWS, ROWS)
    lake.pulumi("preview", "--expect-no-changes")


def test_a_lost_checkpoint_is_no_second_request(lake):
    """State without the resource (a pod that was replaced after the call): the request is found, not repeated."""
    lake.stream("orders", backfill=True)
    lake.up()
    lake.settle()
    exported = json.loads(lake.pulumi("stack", "export").stdout)
    kept = [one for one in exported["deployment"]["resources"] if not one["urn"].endswith("ledger/orders")]
    exported["deployment"]["resources"] = kept
    (lake.folder / "lost.json").write_text(json.dumps(exported))
    lake.pulumi("stack", "import", "--file", "lost.json")
    lake.up()

    assert lake.asked() == [("refresh", ["orders"])]
    assert lake.receipt("orders")["status"] == "succeeded"


def test_destroy_takes_requests_without_a_call(lake):
    """destroy: the backfill goes first and asks nothing."""
    lake.stream("orders", backfill=True)
    lake.up()
    lake.settle()
    connection = lake.connection_id
    lake.pulumi("destroy", "--yes")

    assert len(lake.server.jobs(connection)) == 2
