"""Examples name nobody's host, bucket or company, and a run against one is refused before anything is contacted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lotus.errors import ConfigError
from lotus.gitops.manifests import manifests
from lotus.gitops.settings import gitops_settings
from lotus.session.airbyte import client
from lotus.state.bucket import Bucket
from lotus.tools import pulumi
from tests.support.clone import PROJECT

EXAMPLES = [
    *PROJECT.glob("Pulumi.*.yaml"),
    *PROJECT.glob("*.md"),
    *(page for page in PROJECT.glob("docs/*.md") if not page.stem.endswith("-behaviour")),  # those cite sources
    *PROJECT.glob("*/README.md"),
    *PROJECT.glob("lotus/authoring/scaffold/*"),
]
REAL = ("127.0.0.1", "localhost", ".svc.cluster.local", "example.invalid")
"""Hosts of this machine or of a cluster's inside, and what nobody can own."""
SOURCES = re.compile(
    r"https?://(github\.com|(www|pulumi|docs)\.[a-z]+\.(com|io|org)|[a-z.]*(airbyte|pulumi|fluxcd|gocloud|python|duckdb|"
    r"crontab|quartz-scheduler|kubernetes|apache|json-schema|go|amazon|amazonaws|docker|keepachangelog)\.[a-z.]+"
    r"|s3\.[a-z0-9-]+\.amazonaws\.com$|storage\.googleapis\.com/covid19-open-data/)"
)
"""Pages that the docs cite, programs that they name, AWS's own S3, and the public data that a connector's
specification has as its example."""
BACKEND = "s3://lotus-state?endpoint=s3.example.invalid&region=eu-central-1"


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: page.name)
def test_no_example_is_somebodys(page: Path):
    """A plausible name is one that a stranger may own."""
    text = page.read_text()
    urls = re.findall(r"(?:https?|ssh)://[a-zA-Z0-9][^\s`'\"<>)|]*", text)
    buckets = re.findall(r"s3://[a-z0-9.-]{3,}\?[^\s`'\"<>)]*", text)

    strangers = [url for url in urls if not any(host in url for host in REAL) and not SOURCES.match(url)]
    assert strangers == []
    assert [bucket for bucket in buckets if not any(host in bucket for host in REAL)] == []


def test_the_examples_delivery_is_refused():
    """Rendered objects would be applied."""
    values = {"repository": "https://git.example.invalid/l", "image": "i.example.org/l:1", "state": "s3://s?region=r"}

    with pytest.raises(ConfigError, match=r"lotus:gitops\.repository is an example's value"):
        manifests(gitops_settings(values), project="lake")


def test_the_examples_state_is_refused(tmp_path: Path):
    """Neither lotus nor pulumi asks a bucket that may be somebody's."""
    with pytest.raises(ConfigError, match="the state's address is an example's value"):
        Bucket.of(BACKEND)
    with pytest.raises(ConfigError, match="the state's address is an example's value"):
        pulumi.run(tmp_path, ["preview"], {"PULUMI_BACKEND_URL": BACKEND})


def test_the_examples_airbyte_is_refused(tmp_path: Path):
    """A credential would be sent to it."""
    (tmp_path / "Pulumi.prod.yaml").write_text("config:\n  airbyte:serverUrl: https://airbyte.example.invalid/api\n")

    with pytest.raises(ConfigError, match="airbyte:serverUrl is an example's value"):
        client(tmp_path, "prod", {})
