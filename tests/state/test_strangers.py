"""A second, empty state of the same lake: it takes over nothing, makes no double, and destroys nothing."""

from __future__ import annotations

import json

import pytest

from lotus.cli.gitops import _backfills_and_glass
from lotus.gitops.delivery import Phase
from lotus.gitops.settings import gitops_settings
from lotus.lake.status import Status, recent_broken_glass
from lotus.state.bucket import Bucket
from tests.gitops.conftest import MINIMUM
from tests.state.conftest import GuardedLake, make_lake
from tests.support.airbyte import Airbyte
from tests.support.s3 import ROOT, S3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def lake(s3_server: S3, airbyte: Airbyte, tmp_path_factory: pytest.TempPathFactory) -> GuardedLake:
    """A lake that the operator applied."""
    made = make_lake(tmp_path_factory.mktemp("lake"), airbyte, s3_server, "first")
    made.up_as()
    return made


def test_an_empty_state_takes_over_and_destroys_nothing(lake: GuardedLake, airbyte: Airbyte, s3_server: S3):
    """Another bucket, by mistake or by a stranger who has the mark: it stops at what is there, destroys nothing."""
    there = airbyte.inventory()
    second = s3_server.backend("second")
    Bucket.of(second).client(ROOT).create_bucket(Bucket="second")
    as_stranger = {**ROOT, "PULUMI_BACKEND_URL": second}
    lake.run("operator", "pulumi", "stack", "init", "prod", check=True, **as_stranger)

    said = lake.up_as("operator", check=False, **as_stranger)
    assert 'source "Shop" was not created: Airbyte has source "Shop" already' in said
    assert "and the state (s3://second" in said and 'declare "shop" with `ResourceOptions(import_=' in said
    assert airbyte.inventory() == there
    lake.run("operator", "pulumi", "destroy", "--yes", "--skip-preview", check=True, **as_stranger)
    assert airbyte.inventory() == there

    # Where a delivery says which state is the one, the program sees it before anything else does, in previews too.
    gitops = {"repository": "https://git.example/l", "image": "i.example/l:1", "state": s3_server.backend("first")}
    lake.write("Pulumi.gitops.yaml", json.dumps({"config": {"lotus:gitops": gitops}}))
    answer = lake.run("operator", "pulumi", "preview", check=False, **as_stranger)
    assert answer.returncode and "has its state in s3://first; s3://second is another one" in answer.stdout
    lake.run("operator", "pulumi", "preview", "--expect-no-changes")

    # A copy of the true state in the wrong place knows every id; without the mark it destroys nothing.
    (lake.folder / "copy.json").write_text(lake.run("reader", "pulumi", "stack", "export").stdout)
    lake.run("operator", "pulumi", "stack", "import", "--file", "copy.json", check=True, **as_stranger)
    answer = lake.run("root", "pulumi", "destroy", "--yes", "--skip-preview", "--run-program=false",
                      check=False, **as_stranger)  # fmt: skip
    assert answer.returncode and 'changed by "operator" alone' in answer.stdout + answer.stderr
    assert airbyte.inventory() == there
    lake.run("operator", "pulumi", "preview", "--expect-no-changes")


def test_a_stack_without_the_mark_makes_its_own_and_ends_its_own(lake: GuardedLake, airbyte: Airbyte):
    """What no layer stops: Airbyte's credential, a stack of one's own, and its consent to second objects of one name.

    Nothing of the lake is touched even so.
    """
    there = airbyte.inventory()
    before = {one["sourceId"]: one for one in airbyte.all("sources")}
    settings = lake.folder / "Pulumi.prod.yaml"
    text = settings.read_text()
    settings.write_text(text.replace("  airbyte:writer: operator\n", ""))
    lake.run("own state", "pulumi", "stack", "init", "prod")
    refused = lake.up_as("own state", check=False)
    assert "'duplicate source Shop'" in refused and airbyte.inventory() == there
    lake.up_as("own state", AIRBYTE_CONFIRM="everything")
    assert len(airbyte.inventory()) == 2 * len(there) and set(there) < set(airbyte.inventory())
    lake.run("own state", "pulumi", "destroy", "--yes", "--skip-preview")
    settings.write_text(text)

    assert airbyte.inventory() == there
    assert json.dumps({one["sourceId"]: one for one in airbyte.all("sources")}) == json.dumps(before)
    lake.run("operator", "pulumi", "preview", "--refresh", "--run-program", "--expect-no-changes")


def test_a_broken_glass_is_shown_by_status(lake: GuardedLake, s3_server: S3):
    """Who, when, from where and why; who cannot read the state is told that instead."""
    lake.write("secrets/shop_pin", "changed by hand\n")
    lake.up_as("broken glass")
    settings = gitops_settings({**MINIMUM, "state": s3_server.backend("first")})

    found, unknown = recent_broken_glass(lake.folder, settings, lake.environment_of("reader"))
    lines = _backfills_and_glass(Status("lotus-prod", "lotus", Phase.APPLIED, broken_glass=found))

    assert (len(found), found[0].reason, unknown) == (1, "the cluster is down", "")
    assert f"by {found[0].user}@{found[0].host}: the cluster is down" in "\n".join(lines)
    stranger = {**lake.environment_of("reader"), "AWS_SECRET_ACCESS_KEY": "wrong"}
    assert recent_broken_glass(lake.folder, settings, stranger)[1] == (
        "these keys cannot read the state (SignatureDoesNotMatch)"
    )
