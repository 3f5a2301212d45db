"""What a program may write into a configuration, and what an error says about it."""

from __future__ import annotations

import json

import pytest

from tests.support.airbyte import Airbyte

from .conftest import Project

pytestmark = pytest.mark.slow

SPEC = {
    "documentationUrl": "https://example.invalid",
    "connectionSpecification": {
        "type": "object",
        "properties": {
            "port": {"type": "integer", "airbyte_secret": True},
            "account": {"type": "integer"},
            "text": {"type": "string"},
        },
    },
}


@pytest.fixture(scope="module")
def typed(server: Airbyte, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A source definition whose secret is a number."""
    spec = tmp_path_factory.mktemp("typed") / "typed.spec.json"
    spec.write_text(json.dumps(SPEC))
    return server.definition("Typed", spec)


def declare(project: Project, definition: str, configuration: str) -> None:
    project.program(
        f'airbyte.Source("s", name="{project.folder.name}", workspace_id=WORKSPACE, definition_id="{definition}", '
        f"configuration={configuration})\n"
    )


def test_a_secret_takes_the_type_that_its_connector_asks_for(project: Project, server: Airbyte, typed: str):
    """Secrets come as text from files and environments."""
    declare(project, typed, '{"port": pulumi.Output.secret("5432")}')
    project.up()

    exported = json.loads(project.pulumi("stack", "export", "--show-secrets").stdout)
    source = next(one for one in exported["deployment"]["resources"] if one["type"].endswith(":Source"))
    assert json.loads(source["inputs"]["configuration"]["port"]["plaintext"]) == 5432
    assert project.preview("--refresh")[0] == 0


def test_a_number_that_the_wire_cannot_carry_is_a_fault(project: Project, typed: str):
    """It would arrive as another one, without a word."""
    declare(project, typed, '{"account": 9007199254740993}')
    code, printed = project.preview()

    assert code not in (0, 7)
    assert "configuration.account: is a number that Pulumi cannot carry exactly; write it as text" in printed


def test_a_fault_never_prints_the_value(project: Project, typed: str):
    """It may be long, or a secret in the wrong place."""
    declare(project, typed, '{"account": "hunter2-hunter2", "port": pulumi.Output.secret("not-a-number")}')
    printed = project.preview()[1]
    assert "configuration.account: must be of type integer" in printed
    assert "hunter2" not in printed
    assert "not-a-number" not in printed

    manifest = {"version": "6.44.0", "type": "DeclarativeSource", "note": "x" * 20_000}
    project.program(
        f'airbyte.DeclarativeSourceDefinition("m", workspace_id=WORKSPACE, manifest={json.dumps(manifest)!r})\n'
    )
    printed = project.preview()[1]
    assert "manifest.streams: is required, or dynamic_streams" in printed
    assert len(printed) < 2_000


DYNAMIC = """
version: 7.0.0
type: DeclarativeSource
check: {type: CheckDynamicStream, stream_count: 1}
dynamic_streams: []
spec: {type: Spec, connection_specification: {type: object, properties: {}}}
"""


def test_a_manifest_may_have_dynamic_streams_alone(project: Project):
    """One such source stopped previews of the whole stack."""
    project.program(f'airbyte.DeclarativeSourceDefinition("m", workspace_id=WORKSPACE, manifest={DYNAMIC!r})\n')

    assert "+ 2 to create" in project.preview()[1]


def test_a_fault_stops_no_preview_of_the_rest(project: Project, typed: str):
    """The preview shows everything else, names the fault, and fails."""
    declared = [("bad", '{"account": "x"}'), *((f"good{number}", "{}") for number in range(3))]
    sources = "".join(
        f'airbyte.Source("{name}", workspace_id=WORKSPACE, definition_id="{typed}", configuration={configuration})\n'
        for name, configuration in declared
    )
    project.program(f"airbyte.collect_faults()\n{sources}airbyte.foretell_deletions()\n")
    answer = project.pulumi("preview", check=False)

    assert answer.returncode == 1
    assert all(f"good{number}" in answer.stdout for number in range(3))
    assert "configuration.account: must be of type integer" in answer.stdout
    assert "the preview shows faults of bad" in answer.stdout
    assert "Traceback" not in answer.stdout
    assert "resource 'bad' has a problem" in project.up(check=False)
