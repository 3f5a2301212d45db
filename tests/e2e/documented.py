"""The commands of README and docs, and what each becomes on a lake of `faker` and, in the clone, the demo's shop."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.clone import PROJECT

FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"\s*(?:\$ )?((?:lotus|pulumi|make|\.) .*)$")
PAGES = [
    *("README.md", "docs/add-a-source.md", "docs/add-a-stream.md", "docs/backfill.md", "docs/change-a-destination.md"),
    *("docs/discover.md", "docs/drift.md", "docs/pull-requests.md", "docs/one-writer.md", "docs/recover.md"),
    *("docs/rotate-a-secret.md", "docs/gitops.md", "docs/write-a-destination.md", "docs/own-repository.md"),
]
CLUSTER = "needs a cluster: tests/gitops"
IDENTITIES = "keys by identity: tests/state"
ELSEWHERE = {
    "lotus reconcile --wait": CLUSTER,
    "pulumi up --stack prod": IDENTITIES,
    "lotus state init --stack prod --rotate operator": IDENTITIES,
    "lotus state init --stack prod --retire lotus-state-operator-1a2b3c": IDENTITIES,
    "pulumi config set --path 'lotus:confirm[0]' 'restore state prod VERSION' --stack prod": IDENTITIES,
    "lotus state restore VERSION --stack prod": IDENTITIES,
    "pulumi preview --refresh --run-program --stack prod": IDENTITIES,
    "pulumi config set --path 'lotus:secrets.stripe_client_secret' --secret --stack prod": "asks on a terminal",
    "pulumi config set --path 'lotus:confirm[0]' "
    "'clear stream orders of Shop → Lake: 2026-11-20 wrong account' --stack prod": "tests/backfill",
    "make run": "the fixture has run it",
    "make stop": "the last of all",
}
"""Commands that are not run here, and why."""
ADDED = "lotus sources add source-faker --name stripe --set count=20 --set records_per_slice=10"
CHANGED = {
    "lotus sources add source-stripe": ADDED,
    "lotus sources add source-faker": f"{ADDED} --name people",
    "lotus streams add stripe charges": "lotus streams add stripe users",
    "lotus streams add faker users": "lotus streams add people users",
    "pulumi up": "pulumi up --yes --skip-preview --non-interactive",
    "lotus streams add shop suppliers": "lotus streams add SOURCE FREE",
    "lotus streams list shopify": "lotus streams list SOURCE",
    "lotus streams show shopify orders": "lotus streams show SOURCE STREAM",
    "lotus streams add shopify orders --fields id,created_at,total_price": (
        "rm -f streams/SOURCE/FREE.json && lotus streams add SOURCE FREE --fields id,updated_at"
    ),
    'lotus backfill shop orders --reason "ids were null"': 'lotus backfill SOURCE STREAM --reason "ids were null"',
    "lotus discover shopify": "lotus discover SOURCE",
    "lotus check shopify --files": "lotus check SOURCE --files",
    "lotus drift --stack prod": "lotus drift --stack dev",
    "lotus review --base main": "lotus review --stack dev --base main",
    "lotus state init --stack prod": "lotus state init --stack dev",
    "lotus state unlock --stack prod": "lotus state unlock --stack dev",
    "lotus state snapshots --stack prod": "lotus state snapshots --stack dev",
    "lotus secrets list --stack prod": "lotus secrets list --stack dev",
    "lotus validate --stack prod": "lotus validate --stack dev",
}
"""Commands whose names are another lake's: what is run in their place."""
DIFFERENCES = {"lotus drift": {0, 5}, "lotus discover --all --check": {0, 5}}
"""Exit codes that are an answer, where 0 is not the only one."""


def commands() -> list[tuple[str, str]]:
    """Page and command, in the order in which a person reads them."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        for block in FENCE.findall((PROJECT / page).read_text(encoding="utf-8")):
            for line in block.splitlines():
                if match := TYPED.match(line):
                    found.append((page, re.split(r"\s{2,}#|\s#\s", match.group(1))[0].strip()))
    return found


def run_in(command: str, *, source: str, stream: str, free: str) -> str:
    """What a command of the docs is on this lake; empty: it is tried elsewhere."""
    if command in ELSEWHERE:
        return ""
    text = CHANGED.get(command, command)
    return text.replace("SOURCE", source).replace("STREAM", stream).replace("FREE", free)


def page_exists(name: str) -> bool:
    """Whether the docs still have the page."""
    return (PROJECT / Path(name)).is_file()
