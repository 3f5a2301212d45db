"""Every command that a message prints works as printed, in the situation that prints it.

The commands are collected from the sources, so one without a case here fails. A mention without arguments ("pulumi up
creates it") is a name; what has arguments is run on a real lake, or where it says in another module's test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main

from lotus.cli.app import app
from tests.support.airbyte import WORKSPACE
from tests.support.live_lake import LiveLake, live_lake
from tests.support.printed import Printed, printed

ROOT = Path(__file__).resolve().parents[1]


def commands() -> frozenset[str]:
    """The commands of lotus, as they are typed after `lotus`."""
    names: set[str] = set()

    def collect(command: Any, before: list[str]) -> None:
        for name, below in getattr(command, "commands", {}).items():
            names.add(" ".join([*before, name]))
            collect(below, [*before, name])

    collect(typer.main.get_command(app), [])
    return frozenset(names)


PRINTED: dict[str, Printed] = {command.command: command for command in printed(commands())}

Situation = Callable[[LiveLake], None]


@dataclass(frozen=True)
class Case:
    """A printed command as it is typed, what was the case before, and its exit codes."""

    command: str
    before: Situation | None = None
    exits: tuple[int, ...] = (0,)


def _committed_state(lake: LiveLake) -> None:
    lake.write(".pulumi/stacks/dev.json", {})
    lake.git("add", "-f", ".pulumi")


def _changed_source(lake: LiveLake) -> None:
    configuration = lake.objects("sources")["Shop"]["configuration"]
    lake.patch("sources", "Shop", configuration={**configuration, "start_date": "2021-01-01T00:00:00Z"})


def _changed_schema(lake: LiveLake) -> None:
    schema = lake.read("streams/shop/_discovered/orders.json")
    schema["fields"]["total"] = {"type": "string"}
    lake.write("streams/shop/_discovered/orders.json", schema)


def _consented(lake: LiveLake) -> None:
    lake.pulumi("config", "set", "--path", "lotus:confirm[0]", "delete connection Gone → Lake")


def _configured_as_a_text(setting: str) -> Situation:
    def write(lake: LiveLake) -> None:
        file = lake.path / "Pulumi.dev.yaml"
        file.write_text(re.sub(rf"^  lotus:{setting}:.*\n(?:   .*\n)*", "", file.read_text(), flags=re.MULTILINE))
        file.write_text(file.read_text() + f"  lotus:{setting}: a text\n")

    return write


def _stream_to_add(lake: LiveLake) -> None:
    assert not (lake.path / "streams/shop/suppliers.json").exists()


CONFIGURE = "pulumi config set --path"
SECRET = "echo value | "  # a person is asked for the value
CASES = {
    "git rm -r --cached {}": Case("git rm -r --cached .pulumi", _committed_state),
    "git rm -r --cached": Case("git rm -r --cached .pulumi", _committed_state),
    "lotus backfill SOURCE STREAM": Case("lotus backfill shop orders"),
    "lotus backfill SOURCE STREAM --reason TEXT": Case("lotus backfill shop orders --reason 'ids were null'"),
    "lotus backfill {} {}": Case("lotus backfill shop orders"),
    "lotus connectors WORD": Case("lotus connectors git"),
    "lotus diff {}": Case("lotus diff $(git rev-parse --short=12 HEAD)"),
    "lotus discover SOURCE": Case("lotus discover shop"),
    "lotus discover {}": Case("lotus discover shop"),
    "lotus drift --stack {}": Case("lotus drift --stack dev"),
    "lotus drift --stack": Case("lotus drift --stack dev"),
    "lotus drift accept {}": Case("lotus drift accept shop", _changed_source),
    "lotus drift accept {}/{}": Case("lotus drift accept shop/_discovered", _changed_schema),
    "lotus landing --json": Case("lotus landing --json"),
    "lotus landing --source {}": Case("lotus landing --source shop"),
    "lotus landing query 'select * from faker.users limit 5'": Case(
        "lotus landing query 'select * from shop.orders limit 5'"
    ),
    "lotus review --base REV": Case("lotus review --base HEAD --stack dev"),
    "lotus review --offline": Case("lotus review --offline"),
    "lotus sources add --manifest FILE": Case(
        "lotus sources add --manifest streams/shop/_manifest.yaml --name store --no-check"
        """ --set 'base_url={"$config": "shop_url"}' --set 'token={"$secret": "shop_token"}'"""
    ),
    "lotus state check --stack {}": Case("lotus state check --stack dev"),
    "lotus state snapshots --all": Case("lotus state snapshots --all"),
    "lotus state snapshots --stack {}": Case("lotus state snapshots --stack dev"),
    "lotus state unlock --stack {}": Case("lotus state unlock --stack dev"),
    "lotus streams add {} {}": Case("lotus streams add shop suppliers", _stream_to_add),
    "lotus streams add {} STREAM…": Case("lotus streams add shop suppliers", _stream_to_add),
    "lotus sync --all --wait": Case("lotus sync --all --wait"),
    "lotus sync {} --wait --stack {}": Case("lotus sync shop --wait --stack dev"),
    "lotus sync {} --wait": Case("lotus sync shop --wait && lotus landing --source shop"),
    "lotus validate --stack {}": Case("lotus validate --stack dev"),
    "pulumi cancel --stack {}": Case("pulumi cancel --stack dev --yes"),
    "pulumi config rm --path 'lotus:confirm[0]'": Case("pulumi config rm --path 'lotus:confirm[0]'", _consented),
    "pulumi config set --path 'lotus:config.shopify_store'": Case(
        f"{CONFIGURE} 'lotus:config.shopify_store' example-store"
    ),
    "pulumi config set --path 'lotus:config.{}' VALUE{}": Case(f"{CONFIGURE} 'lotus:config.start' 2020 --stack dev"),
    "pulumi config set --path 'lotus:secrets.shopify_api_password' --secret": Case(
        f"{SECRET}{CONFIGURE} 'lotus:secrets.shopify_api_password' --secret"
    ),
    "pulumi config set --path 'lotus:secrets.{}' --secret": Case(
        f"{SECRET}{CONFIGURE} 'lotus:secrets.shop_token' --secret"
    ),
    "pulumi config set --path 'lotus:secrets.{}' --secret{}": Case(
        f"{SECRET}{CONFIGURE} 'lotus:secrets.shop_token' --secret --stack dev"
    ),
    "pulumi config set --path 'lotus:secrets.{}' --secret --stack NAME": Case(
        f"{SECRET}{CONFIGURE} 'lotus:secrets.shop_token' --secret --stack dev"
    ),
    "pulumi config set --path 'lotus:secrets.{}' --secret --stack {}": Case(
        f"{SECRET}{CONFIGURE} 'lotus:secrets.shop_token' --secret --stack dev"
    ),
    "pulumi config set --path 'lotus:{}.NAME' VALUE{}": Case(
        f"{CONFIGURE} 'lotus:config.start' 2020", _configured_as_a_text("config")
    ),
    "pulumi config set --path '{}[{}]' {} --stack {}": Case(
        f"{CONFIGURE} 'airbyte:confirm[1]' 'delete connection Shop → Lake' --stack dev"
    ),
    "pulumi config set --path {} {} --stack {}": Case(
        f"{CONFIGURE} 'lotus:confirm[0]' 'delete connection Shop → Lake' --stack dev"
    ),
    "pulumi config set --path": Case(f"{SECRET}{CONFIGURE} 'lotus:secrets.shop_token' --secret"),
    "pulumi config set airbyte:serverUrl": Case("pulumi config set airbyte:serverUrl http://127.0.0.1:9"),
    "pulumi config set airbyte:writer": Case("pulumi config set airbyte:writer operator --stack dev"),
    "pulumi config set lotus:components": Case("pulumi config set lotus:components true --stack dev"),
    "pulumi config set lotus:workspace": Case(f"pulumi config set lotus:workspace {WORKSPACE}"),
    "pulumi config set airbyte:serverUrl URL --stack {}": Case(
        "pulumi config set airbyte:serverUrl http://127.0.0.1:9 --stack dev"
    ),
    "pulumi config set lotus:lake": Case("pulumi config set lotus:lake true --stack dev"),
    "pulumi preview --refresh --expect-no-changes{}": Case("pulumi preview --refresh --expect-no-changes --stack dev"),
    "pulumi preview --refresh --run-program --stack {}": Case("pulumi preview --refresh --run-program --stack dev"),
    "pulumi preview --stack {}": Case("pulumi preview --stack dev"),
    "pulumi stack export --stack {}": Case("pulumi stack export --stack dev | grep -c '::shop-to-lake\"'"),
    "pulumi up --refresh": Case("pulumi up --refresh --yes", _changed_source),
    "pulumi up --refresh --stack {}": Case("pulumi up --refresh --stack dev --yes", _changed_source),
}
"""By what is printed; `{}` is what a message fills in."""

UNSTICK = "gitops/test_delivery.py::test_unstick_ends_the_deadlock_and_the_commit_is_applied"
OTHER_PORTS = "local/test_dev.py::test_other_ports_are_chosen_and_stay"
ELSEWHERE = {
    "kubectl apply --server-side -f -": "gitops/test_cluster.py",
    "lotus dev up --port 30000": OTHER_PORTS,
    "lotus dev up --port {}": OTHER_PORTS,
    "lotus reconcile --unstick": UNSTICK,
    "lotus reconcile --unstick --wait": UNSTICK,
    "pulumi up --stack": "gitops/test_cluster.py",
    "lotus reconcile --wait": "gitops/test_delivery.py::test_a_push_is_fetched_and_applied",
    "lotus connectors show NAME": "cli/test_connectors.py::test_versions_say_on_which_python_they_run_here",
    "lotus destinations add {} --stack NAME": (
        "authoring/test_add.py::test_a_destination_gets_the_paths_that_readers_expect"
    ),
    "lotus sources add NAME": "authoring/test_pinning.py::test_the_newest_version_that_runs_here_is_pinned_and_said",
    "lotus sources add {}": "authoring/test_pinning.py::test_the_newest_version_that_runs_here_is_pinned_and_said",
    "lotus sources add CONNECTOR": "authoring/test_add.py::test_a_source_is_checked_discovered_and_written",
    "lotus state restore VERSION --stack {}": (
        "state/test_bucket.py::test_an_old_state_is_put_back_with_consent_and_nothing_is_lost"
    ),
    "lotus streams add {} {} --dbt": "authoring/test_streams.py::test_dbt_gets_model_table_and_model_path",
    "pulumi config set --path lotus:gitops.repository https://…": (
        "gitops/test_commands.py::test_render_writes_the_projects_objects_to_stdout"
    ),
}
"""Needs a cluster, a connector or a dbt project: the test that does what the command does."""


def test_every_printed_command_has_a_case() -> None:
    """A new one adds its case; one that is printed no more takes it away."""
    typed = {command for command, found in PRINTED.items() if not found.is_a_name}
    missing = {f"{command}  ({PRINTED[command].where})" for command in typed - set(CASES) - set(ELSEWHERE)}

    assert missing == set()
    assert {command for command in {**CASES, **ELSEWHERE} if command not in PRINTED} == set()


def test_a_command_that_is_only_mentioned_exists() -> None:
    """Names of lotus's and Pulumi's commands are checked where they are collected; make has its targets here."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    for command in PRINTED:
        program, _, rest = command.partition(" ")
        assert program != "make" or rest in targets, command


@pytest.mark.parametrize("command", ELSEWHERE)
def test_a_command_that_is_run_elsewhere_has_its_test(command: str) -> None:
    """By its name."""
    file, _, test = ELSEWHERE[command].partition("::")

    assert f"def {test}(" in (ROOT / "tests" / file).read_text() if test else (ROOT / "tests" / file).is_file()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveLake]:
    """A lake that has synced, whose state is in a bucket with versions."""
    with live_lake(tmp_path_factory.mktemp("printed") / "lake") as lake:
        lake.lotus("sync", "shop", "--wait")
        lake.lotus("state", "init", "--stack", "dev")
        yield lake


@pytest.fixture
def lake(live: LiveLake) -> Iterator[LiveLake]:
    """The lake as its last commit has it, in files and in Airbyte."""
    configuration = live.objects("sources")["Shop"]["configuration"]
    yield live
    live.patch("sources", "Shop", configuration=configuration)
    live.git("reset", "-q", "--hard")
    live.git("clean", "-qfd")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("printed")
@pytest.mark.parametrize("command", CASES)
def test_it_works_as_printed(command: str, lake: LiveLake) -> None:
    """Typed in a shell after `eval "$(lotus env)"`."""
    case = CASES[command]
    if case.before:
        case.before(lake)
    variables = lake.pulumi_environment()
    path = f"{lake.path / '.venv' / 'bin'}:{variables['PATH']}"
    settings = {**variables, "PATH": path, "PULUMI_STACK": "dev", "PULUMI_NON_INTERACTIVE": "true"}

    answer = lake.run("bash", "-c", case.command, check=False, **settings)
    assert answer.returncode in case.exits, f"{case.command}: {answer.returncode}\n{answer.stdout}\n{answer.stderr}"
