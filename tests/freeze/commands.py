"""Every command: its exit code, its output, and the files that it changed; of a refusal also what it said.

`FILES` are commands on a clone without a server, each on a copy of its own. `STOPPED` are commands on the clone of
data/bb0f71e/stack, whose dev stack is down. `LIVE` are commands on one running dev lake, in this order.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.freeze import stack
from tests.freeze.golden import Recording
from tests.freeze.lake import FrozenLake, make_lake, set_up_dev_stack
from tests.freeze.placeholders import Placeholders
from tests.freeze.stack import ORDERS


@dataclass(frozen=True)
class Case:
    """A command line; `branch` is checked out before, and `files` are written."""

    command: str
    branch: str = "main"
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


SIDE_BY_SIDE = 6
BROKEN = {ORDERS: '{\n  "sync_mode": "incremental",\n  "fields": {"id": \n}\n'}
WRONG = {ORDERS: '{\n  "sync_mode": "sometimes",\n  "cursor_field": ["changed"]\n}\n'}
WRONG_SETTING = {"Pulumi.prod.yaml": "config:\n  lotus:lake: maybe\n  lotus:workspace: here\n"}
BACKFILL = {ORDERS: '{\n  "backfill": "once more",\n  "sync_mode": "incremental"\n}\n'}
OLD_SECRET = {
    "old.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: old}\nstringData: {SHOP_TOKEN: a, OTHER: b}\n"
}
DELIVERY = {
    "Pulumi.gitops.yaml": "config:\n  lotus:gitops:\n    repository: https://git.example/you/lake\n"
    "    image: images.example/you/lotus-workspace:2026-11-21\n    state: s3://lotus-state?region=eu-central-1\n"
}
"""That of the project, with hosts that are no example's: nothing is rendered of those."""
SECRETS = {f"LOTUS_SECRET_{name}": "s" for name in ("SHOP_TOKEN", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")}

FILES: dict[str, Case] = {
    "validate": Case("validate --format json"),
    "validate-text": Case("validate"),
    "validate-prod": Case("validate --stack prod --format json"),
    "validate-prod-with-secrets": Case("validate --stack prod --format json", environment=SECRETS),
    "validate-broken-file": Case("validate --format json", files=BROKEN),
    "validate-broken-file-text": Case("validate", files=BROKEN),
    "validate-wrong-file": Case("validate --format json", files=WRONG),
    "validate-wrong-file-github": Case("validate --format github", files=WRONG),
    "validate-wrong-setting": Case("validate --stack prod --format json", files=WRONG_SETTING),
    "validate-unknown-stack": Case("validate --stack nowhere"),
    "validate-no-project": Case("--project / validate"),
    "env-never-set-up": Case("env --json"),
    "env-prod": Case("env --stack prod --json"),
    "dev-status-never-set-up": Case("dev status --json"),
    "dev-down-never-set-up": Case("dev down"),
    "fmt-check": Case("fmt --check --json"),
    "fmt-check-unformatted": Case("fmt --check --json", files=BACKFILL),
    "fmt": Case("fmt --json", files=BACKFILL),
    "fmt-broken-file": Case("fmt --json", files=BROKEN),
    "schema": Case("schema"),
    "schema-stream": Case("schema stream"),
    "schema-unknown": Case("schema nothing"),
    "schema-write": Case("schema --write"),
    "explain": Case("explain --json"),
    "explain-code": Case("explain LOT022"),
    "explain-unknown": Case("explain LOT999"),
    "streams-list": Case("streams list --json"),
    "streams-list-text": Case("streams list"),
    "streams-list-prod": Case("streams list --stack prod --json"),
    "streams-list-unknown": Case("streams list nothing --json"),
    "streams-show": Case("streams show shop orders --json"),
    "streams-show-unknown": Case("streams show shop order --json"),
    "streams-add": Case("streams add shop suppliers --fields id,name --mode incremental_append --json"),
    "streams-add-with-dbt": Case("streams add shop suppliers --dbt --json"),
    "streams-add-unknown": Case("streams add shop supplier"),
    "catalog": Case("catalog shop"),
    "catalog-prod": Case("catalog shop --stack prod"),
    "catalog-broken-file": Case("catalog shop", files=BROKEN),
    "catalog-unknown": Case("catalog nothing"),
    "diff": Case("diff main --json", branch="change"),
    "diff-text": Case("diff main --stack dev", branch="change"),
    "diff-nothing": Case("diff main --json"),
    "diff-wrong-file": Case("diff main --json", files=WRONG),
    "diff-unknown-revision": Case("diff nothing"),
    "diff-unknown-stack": Case("diff main --stack nowhere"),
    "review-offline": Case("review --base main --offline --format json", branch="change"),
    "review-offline-dev": Case("review --base main --offline --stack dev --format json", branch="change"),
    "review-offline-markdown": Case("review --base main --offline --format markdown", branch="change"),
    "review-offline-text": Case("review --base main --offline", branch="change"),
    "review-offline-broken-file": Case("review --base main --offline --format json", files=BROKEN),
    "backfill": Case("backfill request shop orders --mode refresh_and_remove --reason 'ids were null' --json"),
    "backfill-clear": Case("backfill shop customers --mode clear --sync --json"),
    "backfill-from": Case("backfill shop orders --from 2024-01-31 --json"),
    "backfill-unknown": Case("backfill shop order"),
    "backfill-usage": Case("backfill shop"),
    "backfill-list": Case("backfill list --json", branch="change"),
    "backfill-list-nothing": Case("backfill list --json"),
    "gitops-render": Case("gitops render", files=DELIVERY),
    "gitops-render-unknown-stack": Case("gitops render --gitops nowhere"),
    "gitops-render-wrong-setting": Case(
        "gitops render", files={"Pulumi.gitops.yaml": "config:\n  lotus:gitops: {repository: 5}\n"}
    ),
    "status-no-cluster": Case("status --json"),
    "reconcile-no-cluster": Case("reconcile --json"),
    "secrets-list": Case("secrets list --stack prod --json"),
    "secrets-list-old": Case("secrets list --stack prod --old old.yaml --json", files=OLD_SECRET),
    "secrets-check": Case("validate --stack prod --format json", environment=SECRETS),
    "secrets-check-missing": Case("validate --stack prod --format json"),
    "init": Case("init my-lake --from git+https://git.example.invalid/lotus@v0.1.0 --json"),
    "new-destination": Case("destinations new memo --in . --json"),
    "new-destination-wrong-name": Case("destinations new 'My Memo'"),
    "sync-usage": Case("sync"),
    "sync-never-set-up": Case("sync --all --json"),
    "discover-never-set-up": Case("discover shop"),
    "drift-never-set-up": Case("drift --stack dev --format json"),
    "state-check-never-set-up": Case("state check --json"),
}

STOPPED: dict[str, Case] = {
    "stopped-dev-status": Case("dev status --json"),
    "stopped-dev-down": Case("dev down"),
    "stopped-env": Case("env --json"),
    "stopped-validate": Case("validate --stack dev --format json"),
    "stopped-secrets-check": Case("validate --stack dev --format json"),
    "stopped-streams-list": Case("streams list --stack dev --json"),
    "stopped-sources": Case("sources --json"),
    "stopped-sync": Case("sync shop --json"),
    "stopped-landing": Case("landing --json"),
    "stopped-drift": Case("drift --stack dev --only airbyte --format json"),
    "stopped-backfill-status": Case("backfill status --json"),
    "stopped-state-check": Case("state check --json"),
    "stopped-state-unlock": Case("state unlock --json"),
}

LIVE: dict[str, Case] = {
    "dev-up-again": Case("dev up"),
    "dev-status": Case("dev status --json"),
    "env": Case("env --json"),
    "validate": Case("validate --stack dev --format json"),
    "secrets-list": Case("secrets list --json"),
    "sources": Case("sources --json"),
    "destinations": Case("destinations --json"),
    "sources-add": Case(
        "sources add --manifest streams/shop/_manifest.yaml --name branch --no-check --json"
        """ --set base_url=http://127.0.0.1:9 --set start_date=2020-01-01T00:00:00Z"""
        """ --set 'token={"$secret": "shop_token"}'"""
    ),
    "destinations-add": Case(
        "destinations add 1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70 --name folder --no-check --json"
        " --set destination_path=/nonexistent/folder"
    ),
    "sources-add-unknown": Case("sources add source-nothing --no-check --json"),
    "check": Case("check shop --json"),
    "check-files": Case("check lake --files --json"),
    "check-unknown": Case("check nothing --json"),
    "discover-check": Case("discover shop --check --json"),
    "sync": Case("sync shop --wait --json"),
    "sync-unknown": Case("sync nothing --json"),
    "landing": Case("landing --json"),
    "landing-query": Case(
        "landing query 'select id, status, total, created_at from shop.orders order by id limit 3' --json"
    ),
    "landing-query-wrong": Case("landing query 'select nothing from shop.orders'"),
    "backfill-status": Case("backfill status --json"),
    "backfill-clean": Case("backfill clean --json"),
    "diff-rows": Case("diff HEAD~1 --stack dev --rows --json"),
    "review": Case("review --base HEAD~1 --stack dev --format json"),
    "drift": Case("drift --stack dev --format json"),
    "state-init": Case("state init --json"),
    "state-check": Case("state check --json"),
    "state-snapshots": Case("state snapshots --all --json"),
    "state-restore-unknown": Case("state restore 00000000"),
    "state-restore-without-consent": Case("state restore null"),
    "state-unlock": Case("state unlock --json"),
}
DRIFTED: dict[str, Case] = {
    "drift-found": Case("drift --stack dev --only airbyte --format json"),
    "drift-accept": Case("drift accept --stack dev shop-to-lake"),
}


def _declare_the_status(lake: FrozenLake) -> None:
    """Only what the files declare can drift."""
    source = lake.read("streams/shop/_source.json")
    lake.write("streams/shop/_source.json", {**source, "connection": {"status": "active"}})
    lake.commit("the connection is active")
    lake.up()


def record_files(folder: Path) -> Recording:
    """The commands that need no server; side by side, since those of a server that is down wait and try again."""
    base, stopped = make_lake(folder / "base"), make_lake(folder / "stopped")
    stack.unpack(stopped.path)

    def answer(name: str) -> Any:
        start, case = (stopped, STOPPED[name]) if name in STOPPED else (base, FILES[name])
        return run(FrozenLake(Path(shutil.copytree(start.path, folder / name / "lake", symlinks=True))), case)

    order = [*STOPPED, *FILES]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return {f"commands/{name}.json": content for name, content in zip(order, pool.map(answer, order), strict=True)}


def record_live(folder: Path) -> Recording:
    """The commands on a running dev lake that has synced and carried out a backfill."""
    lake = make_lake(folder / "lake")
    set_up_dev_stack(lake)
    recording: Recording = {}
    try:
        first = run(lake, Case("dev run"))
        recording["live/dev-run.json"] = {name: first[name] for name in first if name != "stdout"}  # Pulumi's figures
        stack.ask_for_a_backfill(lake)
        lake.up()
        lake.lotus("sync", "shop", "--wait")
        for name, case in LIVE.items():
            recording[f"live/{name}.json"] = run(lake, case)
            lake.undo()
        _declare_the_status(lake)
        lake.patch("connections", "Shop → Lake", status="inactive")
        for name, case in DRIFTED.items():
            recording[f"live/{name}.json"] = run(lake, case)
    finally:
        recording["live/dev-down.json"] = run(lake, Case("dev down"))
        lake.api.close()
    return recording


def run(lake: FrozenLake, case: Case) -> dict[str, Any]:
    """One command as it is recorded."""
    if case.branch != "main":
        lake.git("checkout", "-q", case.branch)
    for path, text in case.files.items():
        (lake.path / path).write_text(text)
    before = {path: _content(lake.path / path) for path in lake.changed()}
    lotus = str(lake.path / ".venv" / "bin" / "lotus")
    answer = lake.run(lotus, *shlex.split(case.command), check=False, **case.environment)
    after = {path: _content(lake.path / path) for path in lake.changed()}
    changed = {path: content for path, content in after.items() if before.get(path) != content}
    gone = {path: None for path in before if path not in after}
    placeholders = Placeholders({str(lake.path): "<lake>"})
    recorded = {
        "command": f"lotus {case.command}",
        "exit": answer.returncode,
        "stdout": _output(answer.stdout),
        **({"stderr": answer.stderr.splitlines()} if answer.returncode else {}),
        **({"files": {**changed, **gone}} if changed or gone else {}),
    }
    return placeholders.of(recorded)


def _output(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.splitlines()


def _content(path: Path) -> Any:
    if not path.exists():
        return None
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return hashlib.sha256(path.read_bytes()).hexdigest()
