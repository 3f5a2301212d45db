"""The four acceptance stories of the system that users come from: branch, review, apply, a stable second preview."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.live_lake import LiveLake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("review")]
CONFIRM = "  airbyte:confirm: [everything]"


def branch(lake: LiveLake, name: str, edit: Callable[[], None]) -> None:
    """A branch of `main` with one commit, checked out."""
    lake.git("checkout", "-q", "-B", name, "main")
    edit()
    lake.commit(name)


def review(lake: LiveLake, *arguments: str) -> dict[str, Any]:
    """`lotus review` of the branch, as JSON."""
    return json.loads(lake.lotus("review", "--stack", "dev", "--base", "main", "--format", "json", *arguments).stdout)


def merge(lake: LiveLake, name: str) -> str:
    """The branch is merged and applied, as the operator does it; what pulumi printed."""
    lake.git("checkout", "-q", "main")
    lake.git("merge", "-q", "--ff-only", name)
    return lake.up()


def stable(lake: LiveLake) -> None:
    """The second preview is empty, also against Airbyte as it is."""
    lake.pulumi("preview", "--refresh", "--run-program", "--expect-no-changes")


def what(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Risk, object and change, worst first."""
    return [(change["risk"], change["action"], change["resource"]) for change in found["changes"]]


def steps(found: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    """What pulumi plans: object → operation and why, if it is not the branch's."""
    return {step["resource"]: (step["op"], step["cause"]) for step in found["plan"]["steps"]}


def test_a_source_is_added(live: LiveLake) -> None:
    """One folder: the review says two new objects, the apply makes them, the first sync lands rows."""

    def edit() -> None:
        live.git("checkout", "main~1", "--", "streams/faker")
        for name in ("users", "purchases"):
            (live.path / f"streams/faker/{name}.json").unlink()

    branch(live, "add-faker", edit)
    offline, online = review(live, "--offline"), review(live)
    merge(live, "add-faker")
    stable(live)
    live.lotus("sync", "faker", "--wait")

    assert what(offline) == [("low", "create", "connection Faker → Lake"), ("low", "create", "source Faker")]
    assert what(online) == what(offline)
    assert steps(online) == {"source Faker": ("create", None), "connection Faker → Lake": ("create", None)}
    assert live.landing()["faker", "products"] == 100


def test_a_schema_is_modified(live: LiveLake) -> None:
    """A column less, while somebody changed the schedule by hand: the review tells the two apart."""
    live.patch("connections", "Shop → Lake", schedule={"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"})

    def edit() -> None:
        orders = live.read("streams/shop/orders.json")
        del orders["fields"]["total"]
        live.write("streams/shop/orders.json", orders)

    branch(live, "without-total", edit)
    found = review(live)
    text = live.lotus("review", "--stack", "dev", "--base", "main", "--format", "markdown").stdout
    preview = live.pulumi("preview").stdout
    merge(live, "without-total")
    stable(live)

    assert what(found) == [("high", "update", "connection Shop → Lake")]
    assert steps(found) == {"connection Shop → Lake": ("update", None)}
    assert "schedule: 0 0 3 * * ? → manual  (changed in Airbyte since the last apply)" in text
    assert "streams.orders.fields.total: selected → not set\n" in text
    assert "shop/orders: 1 column no longer lands: total (high)" in preview
    assert live.objects("connections")["Shop → Lake"]["schedule"] == {"scheduleType": "manual"}


def test_a_backfill_is_triggered(live: LiveLake) -> None:
    """One flag: the stream's rows land a second time, once, and no later apply asks again."""
    before = live.landing()

    def edit() -> None:
        orders = live.read("streams/shop/orders.json")
        live.write("streams/shop/orders.json", {**orders, "backfill": "2026-11-20 ids were null"})

    branch(live, "backfill-orders", edit)
    found = review(live)
    merge(live, "backfill-orders")
    stable(live)
    live.lotus("sync", "shop", "--wait")
    again = live.up()
    after = live.landing()

    assert what(found) == [("medium", "update", "connection Shop → Lake")]
    assert f"past jobs landed {before['shop', 'orders']:,} rows of its stream" in found["changes"][0]["data"][-1]
    assert "its rows land a second time" in " ".join(found["changes"][0]["data"])
    assert after["shop", "orders"] == 2 * before["shop", "orders"]
    assert after["shop", "customers"] == before["shop", "customers"]
    assert "unchanged" in again
    assert "updated" not in again


def test_a_source_is_removed(live: LiveLake) -> None:
    """It has synced, so the apply refuses until the stack has the two lines that the review prints."""
    stack = live.path / "Pulumi.dev.yaml"

    def edit() -> None:
        live.git("rm", "-rq", "streams/faker")
        stack.write_text("\n".join(one for one in stack.read_text().splitlines() if not one.startswith(CONFIRM)) + "\n")

    branch(live, "remove-faker", edit)
    found = review(live)
    refused = live.pulumi("up", "--yes", "--skip-preview", check=False)
    consents = found["missing_consents"]
    stack.write_text(stack.read_text() + f"  lotus:confirm: {json.dumps(consents, ensure_ascii=False)}\n")
    live.commit("we mean it")
    agreed = review(live)
    merge(live, "remove-faker")
    stable(live)

    assert what(found)[0] == ("destructive", "delete", "connection Faker → Lake")
    assert consents == ["delete connection Faker → Lake", "delete source Faker"]
    assert refused.returncode != 0
    assert "delete connection Faker → Lake" in refused.stdout + refused.stderr
    assert agreed["missing_consents"] == []
    assert "Faker" not in live.objects("sources")
    assert live.landing()["faker", "products"] == 100, "what landed stays, and is listed"
    assert "Faker → Lake" not in live.objects("connections")
