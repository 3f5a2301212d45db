"""The manifests: against the operator's and Flux's own schemas, and against the component that declares them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from lotus.gitops import manifests as objects
from lotus.gitops.manifests import Manifest, manifests
from lotus.gitops.render import render_manifests
from lotus.gitops.settings import GitOpsSettings, gitops_settings
from tests.gitops.conftest import MINIMUM
from tests.gitops.control_plane import definitions


def test_render_holds_every_object_and_no_yaml_anchor(settings: GitOpsSettings):
    """What kubectl reads back is what the functions made."""
    text = render_manifests(settings, project="lotus")
    assert list(yaml.safe_load_all(text)) == manifests(settings, project="lotus")
    assert "&id" not in text


def test_no_manifest_holds_a_secret(settings: GitOpsSettings):
    """Secrets are named, never written: the YAML can be committed."""
    assert not [one for one in manifests(settings, project="lotus") if one["kind"] == "Secret"]


def test_what_is_not_asked_for_is_not_declared():
    """Without webhook, drift and people there is neither Receiver nor job nor binding of theirs."""
    few = gitops_settings(MINIMUM | {"webhook": None, "drift": None})
    assert {one["kind"] for one in manifests(few, project="lotus")}.isdisjoint({"Receiver", "CronJob", "RoleBinding"})


def test_deleting_the_stack_keeps_the_lake_unless_asked(settings: GitOpsSettings):
    """A namespace deleted by mistake must not take Airbyte's connections with it."""
    asked = gitops_settings(MINIMUM | {"destroy_on_finalize": True})
    declared = [objects.stack(one, project="lotus")["spec"]["destroyOnFinalize"] for one in (settings, asked)]
    assert declared == [False, True]


def test_secrets_come_as_files_that_kubelet_renews(settings: GitOpsSettings):
    """A pod's environment is frozen at its start, and PKO keeps the pod: a rotated secret would never arrive."""
    pod = objects.stack(settings, project="lotus")["spec"]["workspaceTemplate"]["spec"]["podTemplate"]["spec"]
    assert {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]} == {
        "/etc/lotus/state",
        "/etc/lotus/secrets",
        "/etc/lotus/airbyte",
    }
    assert not [mount for mount in pod["containers"][0]["volumeMounts"] if "subPath" in mount]


def test_only_the_operators_pod_is_the_writer(settings: GitOpsSettings):
    """The stack's airbyte:writer lets a process with this mark alone change the lake; looking needs none."""
    mark = {"name": "PULUMI_AIRBYTE_WRITER", "value": "operator"}
    assert mark in objects.stack(settings, project="lotus")["spec"]["workspaceTemplate"]["spec"]["env"]
    assert mark["name"] not in json.dumps(objects.drift_job(settings))


def test_the_drift_job_has_keys_that_can_only_read(settings: GitOpsSettings):
    """A look must not be able to write the state, whatever it runs."""
    text = json.dumps(objects.drift_job(settings))
    assert settings.secrets.reader in text
    assert settings.secrets.writer not in text


@pytest.fixture(params=["stack", "git_repository", "receiver"])
def custom(request: pytest.FixtureRequest, settings: GitOpsSettings) -> Manifest:
    """Each object of a kind that a CRD defines."""
    more = {"project": "lotus"} if request.param == "stack" else {}
    return getattr(objects, request.param)(settings, **more)


def test_every_custom_object_fits_the_schema_of_its_crd(custom: Manifest, crds: Path):
    """Types, required fields, enumerations and patterns; and no field that the schema does not have."""
    validator = Draft202012Validator(_strict(_schema(crds, custom)))
    assert not [f"{error.json_path}: {error.message}" for error in validator.iter_errors(custom)]


def test_the_schema_check_sees_a_misspelt_field(settings: GitOpsSettings, crds: Path):
    """The check itself: a field that PKO does not know is found."""
    wrong = objects.stack(settings, project="lotus")
    wrong["spec"]["workspaceTemplate"]["spec"]["imagePolicy"] = "Always"
    found = Draft202012Validator(_strict(_schema(crds, wrong))).iter_errors(wrong)
    assert any("imagePolicy" in error.message for error in found)


def _schema(crds: Path, manifest: Manifest) -> dict[str, Any]:
    version = manifest["apiVersion"].partition("/")[2]
    for definition in definitions(crds):
        spec = definition["spec"]
        if (spec["names"]["kind"], spec["group"]) == (manifest["kind"], manifest["apiVersion"].partition("/")[0]):
            return next(one for one in spec["versions"] if one["name"] == version)["schema"]["openAPIV3Schema"]
    raise AssertionError(f"no CRD for {manifest['apiVersion']} {manifest['kind']}")


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """As the API server's strict validation: unknown fields are errors, an int-or-string is either."""
    found = {key: value for key, value in schema.items() if key not in ("format", "default")}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if "properties" in schema:
        found["properties"] = {name: _strict(one) for name, one in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            found["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = _strict(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        found["items"] = _strict(schema["items"])
    return found


@pytest.fixture
def declared(settings: GitOpsSettings) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What the component registers, from Pulumi's own in-process runtime for tests.

    The engine with the pulumi-kubernetes plugin would say more, but no package registry has that plugin; what the API
    server says of the same objects is in test_cluster.py.
    """
    import pulumi
    from pulumi.runtime import Mocks, set_mocks

    found: list[tuple[str, dict[str, Any]]] = []

    class Registered(Mocks):
        def new_resource(self, args: Any) -> tuple[str, dict[str, Any]]:
            found.append((args.typ, args.inputs))
            return args.name, args.inputs

        def call(self, args: Any) -> dict[str, Any]:
            raise AssertionError(f"the component calls {args.token}")

    asyncio.set_event_loop(asyncio.new_event_loop())  # asyncio.run of an earlier test leaves none
    set_mocks(Registered(), project="lotus", stack="gitops", preview=False)

    @pulumi.runtime.test
    def declare() -> Any:
        from lotus.gitops.component import GitOps

        return GitOps("gitops", settings).urn

    declare()
    yield found


def test_the_component_declares_exactly_what_render_writes(
    declared: list[tuple[str, dict[str, Any]]], settings: GitOpsSettings
):
    """One source of truth: the same objects, field by field."""
    component, *resources = declared
    written = list(yaml.safe_load_all(render_manifests(settings, project="lotus")))
    assert component == ("lotus:gitops:GitOps", {})
    assert sorted((one for _, one in resources), key=_identity) == sorted(written, key=_identity)


def test_every_resource_has_the_token_of_its_kind(declared: list[tuple[str, dict[str, Any]]]):
    """The plugin finds the API by the type token; the core group is called "core" there."""
    for token, inputs in declared[1:]:
        version = inputs["apiVersion"]
        assert token == f"kubernetes:{version if '/' in version else f'core/{version}'}:{inputs['kind']}"


def _identity(manifest: dict[str, Any]) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]
