"""The life of a backfill, arrow by arrow, by `pulumi up`; rows are counted in the landing zone, read back."""

from __future__ import annotations

import json

import pytest

from .conftest import ROWS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("backfill")]


def test_a_flag_asks_once_does_nothing_while_it_stays_and_asks_again_after_it_was_away(lake):
    """false → true: orders alone is read; true again: no call; → false: gone, no call; → true: asks again."""
    lake.stream("orders", backfill=True)
    lake.up()
    assert lake.asked() == [("refresh", ["orders"])]
    assert lake.more() == (ROWS, 0)

    lake.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert lake.asked() == [("refresh", ["orders"])]

    lake.stream("orders", backfill=False)
    assert "deleted" in lake.up()
    assert lake.receipt("orders") is None
    assert lake.more() == (ROWS, 0)

    lake.stream("orders", backfill=True)
    lake.up()
    assert lake.asked() == [("refresh", ["orders"])] * 2
    assert lake.more() == (2 * ROWS, 0)


def test_two_streams_at_once_are_one_job_and_a_new_token_of_one_repeats_not_the_other(lake, token):
    """Neither cancels the other; another token is another request: an update, never a replacement."""
    for name in ("orders", "customers"):
        lake.stream(name, backfill=token)
    lake.up()
    assert lake.asked() == [("refresh", ["customers", "orders"])]
    assert lake.more() == (ROWS, ROWS)

    lake.stream("customers", backfill=f"{token}, once more")
    printed = lake.up()
    assert "1 updated" in printed
    assert "replaced" not in printed
    assert lake.asked() == [("refresh", ["customers", "orders"]), ("refresh", ["customers"])]
    assert lake.more() == (ROWS, 2 * ROWS)


def test_nothing_is_asked_of_a_connection_that_is_new_replaced_or_destroyed(own_lake):
    """A flag that comes with its connection says so; one that was asked for does not follow its stream to another."""
    own_lake.stream("orders", backfill=True)
    previewed = own_lake.pulumi("preview").stdout
    printed = own_lake.up()
    own_lake.sync()
    assert "a new connection has nothing to read again" in previewed
    assert "its first sync reads all of it" in printed
    assert own_lake.receipt("orders")["status"] == "nothing"
    assert own_lake.asked() == []
    assert (own_lake.rows("orders"), own_lake.rows("customers")) == (ROWS, ROWS)

    own_lake.pulumi("preview", "--expect-no-changes")
    own_lake.stream("orders", backfill="before it was replaced")
    own_lake.up()
    own_lake.settle()
    first = own_lake.connection_id
    own_lake.confirm(f"delete connection {own_lake.title}", f"replace connection {own_lake.title}")
    own_lake.move("elsewhere")
    own_lake.up()
    own_lake.sync()
    assert own_lake.connection_id != first
    assert own_lake.asked() == []
    assert own_lake.rows("orders", place="elsewhere") == ROWS

    own_lake.pulumi("preview", "--expect-no-changes")
    second = own_lake.connection_id
    own_lake.destroy()
    assert [job["configType"] for job in own_lake.server.jobs(second)] == ["sync"]


def test_the_preview_says_what_it_does_to_the_data_and_refresh_completes_the_receipt(lake, token):
    """Cursor, rows, and that rows land twice, before anything is asked; then job, times and rows read."""
    lake.stream("orders", backfill=token)
    before = lake.preview()[1]
    lake.up()
    lake.settle()
    lake.pulumi("refresh", "--yes", "--skip-preview")
    receipt = lake.receipt("orders")
    after = lake.preview()[1]

    assert '{"updated_at": "2025-01-20T00:00:00Z"} → none (the start)' in before
    assert "rows, " in before
    assert "a second time; it has no key" in before
    assert receipt["status"] == "succeeded"
    assert receipt["rows_read"] == ROWS
    assert receipt["rows_before"] >= ROWS
    assert receipt["job_id"] in [job["id"] for job in lake.jobs("refresh")]
    assert "a second time" not in after


def test_refresh_and_remove_needs_a_consent_and_leaves_each_row_once(lake, token):
    """Without consent nothing is asked, and the refusal holds what to paste; with it, old files go after success."""
    lake.stream("orders", backfill={"request": token, "mode": "refresh_and_remove"})
    refused = lake.up(check=False)
    phrase = f"replace stream orders of {lake.title}: {token}"

    assert phrase in refused
    assert lake.asked() == []

    lake.confirm(phrase)
    lake.up()
    assert lake.asked() == [("refresh", ["orders"])]
    assert lake.more()[1] == 0
    assert lake.rows("orders") == ROWS


def test_a_clear_takes_state_and_files_of_that_stream(lake, token):
    """clear: nothing of orders is left, customers stay, and the next sync reads orders anew."""
    lake.stream("orders", backfill={"request": token, "mode": "clear"})
    lake.confirm(f"clear stream orders of {lake.title}: {token}")
    lake.up()

    assert lake.asked() == [("clear", ["orders"])]
    assert lake.more()[1] == 0
    assert lake.rows("orders") == 0
    lake.sync()
    assert lake.more()[1] == 0
    assert lake.rows("orders") == ROWS


def test_a_clear_with_sync_ends_with_the_rows_and_its_consent_may_go(lake, token):
    """clear and "sync": true: one clear, one sync after it; then validate says that the consent was used."""
    lake.stream("orders", backfill={"request": token, "mode": "clear", "sync": True})
    lake.confirm(f"clear stream orders of {lake.title}: {token}", "delete connection of another day")
    lake.up()

    lake.settle()
    assert lake.rows("orders") == ROWS
    assert [job["configType"] for job in lake.jobs()] == ["reset_connection", "sync"]
    lake.pulumi("preview", "--expect-no-changes")
    hints = [line for line in lake.lotus("validate", "--stack", "prod").stdout.splitlines() if "LOT091" in line]
    assert len(hints) == 1
    assert f"clear stream orders of {lake.title}: {token}" in hints[0]


def test_from_reads_again_from_a_date_on_or_says_why_it_cannot(lake, token):
    """from: only the rows after that day land a second time; a date behind the cursor would leave rows out: refused."""
    lake.stream("orders", backfill={"request": token, "from": "2025-06-01"})
    refused = lake.up(check=False)
    assert "stands at 2025-01-20T00:00:00Z already" in refused
    assert lake.jobs() == []

    lake.stream("orders", backfill={"request": token, "from": "2025-01-11"})
    lake.up()
    assert lake.asked() == []
    assert lake.more() == (9, 0)


def test_a_running_job_is_waited_for_within_bounds_and_not_cancelled(lake, token):
    """A sync that runs when the flag comes is let end first; where that takes too long, nothing is asked."""
    lake.control(seconds=20)
    lake.server.config("/connections/sync", {"connectionId": lake.connection_id})
    lake.stream("orders", backfill=token)
    printed = lake.up(check=False, LOTUS_BACKFILL_WAIT="1")
    lake.control()
    assert "none was sent" in printed
    assert lake.asked() == []

    lake.up()
    lake.settle()
    kinds = [(job["configType"], job["status"]) for job in lake.jobs()]
    assert kinds == [("sync", "succeeded"), ("refresh", "succeeded")]


def test_a_failed_job_is_asked_for_again_by_the_next_run(lake, token):
    """The same request, another job; what landed before is there throughout."""
    lake.control(fail=True)
    lake.stream("orders", backfill=token)
    lake.up()
    lake.settle()
    lake.control()
    printed = lake.up()
    lake.settle()

    assert "1 updated" in printed
    assert [job["status"] for job in lake.jobs("refresh")] == ["failed", "succeeded"]
    assert lake.more() == (ROWS, 0)
    lake.pulumi("preview", "--expect-no-changes")


def test_three_failed_jobs_are_enough(lake, token):
    """The same request is tried three times; then nothing is asked any more, and the status says what it takes."""
    lake.control(fail=True)
    wanted = lake.request("orders", token)
    held = lake.provider("create", wanted)
    for _ in range(2):
        lake.settle()
        held = lake.provider("again", {"olds": held, "news": wanted})
    lake.settle()
    assert lake.provider("again", {"olds": held, "news": wanted}) is None
    lake.stream("orders", backfill=token)
    (receipt,) = json.loads(lake.lotus("backfill", "status", "--json", check=False).stdout)

    assert [job["status"] for job in lake.jobs("refresh")] == ["failed"] * 3
    assert "3 jobs have failed, so lotus does not retry it without a new request" in receipt["note"]
    assert lake.more() == (0, 0)


def test_a_cancelled_job_stays_cancelled_until_there_is_a_new_request(lake, token):
    """Somebody meant it: no difference, no call; another text asks."""
    lake.control(seconds=60)
    wanted = lake.request("orders", token)
    held = lake.provider("create", wanted)
    lake.server.config("/jobs/cancel", {"id": lake.jobs("refresh")[-1]["id"]})
    lake.settle()
    lake.control()
    assert lake.provider("again", {"olds": held, "news": wanted}) is None
    assert [job["status"] for job in lake.jobs("refresh")] == ["cancelled"]

    assert lake.provider("again", {"olds": held, "news": lake.request("orders", f"{token}, once more")}) is not None
    assert lake.asked() == [("refresh", ["orders"])] * 2
    assert lake.more() == (ROWS, 0)


def test_a_lost_checkpoint_is_no_second_request(lake, token):
    """State without the resource (a pod that was replaced after the call): the request is found, not repeated."""
    lake.stream("orders", backfill=token)
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
