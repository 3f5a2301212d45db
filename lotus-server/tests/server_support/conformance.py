"""Requests generated from Airbyte's OpenAPI files, sent to a server, and what its answers are worth.

Every answer is held against the file: its status must be one that the file gives (or one of the refusals that each
operation may answer: 400, 401, 403, 404, 409, 413, 422), a success must fit its schema, and nothing may be a 5xx
except 501 for what is not offered. Half of the ids that a request names are replaced by ids of things that exist, so
that requests get beyond "not found".
"""

from __future__ import annotations

import json
import os
import random
import re
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from lotus_server.routes import ROUTES
from server_support.airbyte import Airbyte, Response, serve, with_shop
from starlette.testclient import TestClient

CITED: tuple[tuple[str, int, str, str], ...] = (
    (
        "public",
        400,
        ".*",
        "docs/airbyte-behaviour.md#refusals: what cannot be read is a bad request, in every operation",
    ),
    ("public", 404, ".*", "docs/airbyte-behaviour.md#refusals: resource-not-found, for any id that a request names"),
    (
        "public",
        422,
        "(POST|PUT|PATCH) /(sources|destinations|connections)",
        "#refusals: a spec refuses it, or a discovery",
    ),
    ("public", 422, "(POST|PUT) /workspaces/.*/definitions/", "#refusals: the connector cannot be had"),
    ("public", 422, "GET /streams", "#refusals: the source cannot be discovered"),
    ("public", 422, "POST /jobs", "#jobs: refreshes are not supported in the public API"),
    ("public", 409, "(POST|DELETE) /jobs", "#refusals: try-again-later and state-conflict"),
    ("public", 409, "PATCH /connections", "#refusals: a locked or deleted connection"),
    ("public", 409, "(POST|PATCH|DELETE) /(tags|permissions|workspaces)", "#refusals: state-conflict"),
    ("config", 404, ".*", "#refusals: IdNotFound, for any id that a request names"),
    ("config", 422, ".*", "#refusals: what cannot be read, in every operation"),
    (
        "config",
        409,
        "POST /v1/connections/(sync|reset|clear|refresh|update)",
        "#refusals: a sync runs, or it is not active",
    ),
    ("config", 409, "POST /v1/web_backend/connections/update", "#refusals: a locked or deleted connection"),
    ("config", 409, "POST /v1/jobs/cancel", "#refusals: a job that has ended"),
    ("config", 409, "POST /v1/(tags|permissions|workspaces)/", "#refusals: state-conflict"),
    ("config", 409, "POST /v1/connector_builder_projects/publish", "#refusals: published already"),
    ("config", 400, "POST /v1/applications/token", "airbyte issues 65592 and 65595: wrong client credentials"),
)
"""Refusals that Airbyte gives and its files do not declare: API, status, operations, and where that is known from."""

FILES = {"public": ("public-api.yaml", "/api/public/v1"), "config": ("config-api.yaml", "/api")}
UNSAFE = ("deleteWorkspace",)
"""Operations left to the tests by hand: they would take away what the other requests are about."""


@dataclass
class OperationResult:
    """What became of one operation's requests."""

    name: str
    method: str
    path: str
    offered: bool
    statuses: Counter[int] = field(default_factory=Counter[int])
    faults: list[str] = field(default_factory=list[str])

    @property
    def conforming(self) -> bool:
        """No answer that the file does not allow."""
        return self.offered and not self.faults


def openapi(shared: Path, api: str) -> dict[str, Any]:
    """One of Airbyte's OpenAPI files, without what has no JSON in it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    path = shared / "airbyte" / "openapi" / FILES[api][0]
    return yaml.load(path.read_text(), Loader=loader)  # noqa: S506 - a safe loader


def operations_of(specification: Mapping[str, Any], api: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and operation; the config API's file repeats the public API, which is left out there."""
    for path, item in specification["paths"].items():
        if api == "config" and path.startswith("/public"):
            continue
        for method, operation in item.items():
            if method in ("get", "post", "put", "patch", "delete"):
                yield method.upper(), path, operation


def offered(method: str, url_path: str) -> bool:
    """Whether a line of the ``ROUTES`` table answers this path (its parameters may be called otherwise)."""
    for prefix, operations in ROUTES.items():
        for operation in operations:
            if operation.method == method and _shape(prefix + operation.path) == _shape(url_path):
                return not operation.handler.__qualname__.startswith(("_refusing", "_refuse"))
    return False


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


class Known:
    """Ids of things that exist, by the names that the files give them."""

    def __init__(self, airbyte: Airbyte, seed: int) -> None:
        self._airbyte = airbyte
        self._dice = random.Random(seed)
        self._ids: dict[str, list[Any]] = {}
        self.refill()

    def refill(self) -> None:
        """Makes one of each again: generated requests delete them too."""
        airbyte = self._airbyte
        one = {"sourceDefinitionId": airbyte.shop_definition_id}
        if airbyte.config("/source_definitions/get", one).status_code == 404:
            airbyte.make_shop()
        connection = airbyte.connection({"name": "orders", "syncMode": "incremental_append"})
        workspace = connection["workspaceId"]
        manifest = {"spec": {"connection_specification": {"type": "object"}}}
        definitions = f"/workspaces/{workspace}/definitions"
        declarative = airbyte.public("POST", f"{definitions}/declarative_sources", {"name": "d", "manifest": manifest})
        tag = {"name": os.urandom(8).hex(), "color": "ff0000", "workspaceId": workspace}
        user = airbyte.public("GET", "/users", organizationId="00000000-0000-0000-0000-000000000000").json()["data"][0]
        permission = {"userId": user["id"], "workspaceId": workspace, "permissionType": "workspace_reader"}
        found = {
            "workspaceId": workspace,
            "workspaceIds": [workspace],
            "sourceId": connection["sourceId"],
            "destinationId": connection["destinationId"],
            "connectionId": connection["connectionId"],
            "configId": connection["connectionId"],
            "definitionId": self._dice.choice([airbyte.shop_definition_id, declarative.json()["id"]]),
            "sourceDefinitionId": airbyte.shop_definition_id,
            "destinationDefinitionId": "1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70",
            "tagId": airbyte.public("POST", "/tags", tag).json()["tagId"],
            "organizationId": "00000000-0000-0000-0000-000000000000",
            "userId": user["id"],
            "permissionId": airbyte.public("POST", "/permissions", permission).json()["permissionId"],
            "applicationId": airbyte.public("POST", "/applications", {"name": "a"}).json()["id"],
            "email": user["email"],
            "slug": "lotus",
        }
        for name, value in found.items():
            self._ids[name] = [value, *self._ids.get(name, [])][:3]

    def put_into(self, value: Any) -> Any:
        """The value with about half of the ids in it replaced."""
        if isinstance(value, dict):
            return {
                name: self._dice.choice(self._ids[name])
                if name in self._ids and self._dice.random() < 0.6
                else self.put_into(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self.put_into(inner) for inner in value]
        return value


def send(client: TestClient, case: Any, known: Known, url_path: str) -> Response:
    """A generated request, with some of its ids replaced by known ones."""
    from schemathesis.core import NOT_SET

    path = url_path
    for name, value in known.put_into(dict(case.path_parameters or {})).items():
        text = httpx.QueryParams({"x": str(value)})
        path = path.replace(f"{{{name}}}", str(text).removeprefix("x=").replace("+", "%20"))
    keywords: dict[str, Any] = {"params": known.put_into(dict(case.query or {}))}
    if case.body is not NOT_SET:
        if case.media_type == "application/x-www-form-urlencoded" and isinstance(case.body, dict):
            keywords["data"] = {name: str(value) for name, value in case.body.items()}
        else:
            keywords["content"] = json.dumps(known.put_into(case.body)).encode()
            keywords["headers"] = {"Content-Type": "application/json"}
    return client.request(case.method.upper(), path, **keywords)


def run(airbyte: Airbyte, shared: Path, api: str, *, examples: int, seed: int) -> list[OperationResult]:
    """The results of every operation of a file, each asked so many times."""
    import schemathesis

    specification = openapi(shared, api)
    prefix = FILES[api][1]
    schema = schemathesis.openapi.from_dict(_cleaned(_requests_only(specification), ""))
    checks = validators(specification)
    known = Known(airbyte, seed)
    results: list[OperationResult] = []
    for method, path, operation in operations_of(specification, api):
        name = operation.get("operationId", f"{method} {path}")
        result = OperationResult(name, method, path, offered(method, prefix + path))
        results.append(result)
        if name in UNSAFE:
            continue
        if not result.offered:
            response = airbyte.http.request(method, prefix + path.replace("{", "").replace("}", ""), json={})
            result.statuses[response.status_code] += 1
            if response.status_code != 501:
                result.faults.append(f"not offered, but answers {response.status_code}")
            continue
        for case in _generated(schema[path][method], examples, seed):
            response = send(airbyte.http, case, known, prefix + path)
            result.statuses[response.status_code] += 1
            declared = {int(code) for code in operation["responses"] if str(code).isdigit()}
            allowed = declared | cited(api, method, path)
            fault = _fault(allowed, checks.get((method, path)), response)
            if fault and fault not in result.faults:
                result.faults.append(fault)
        known.refill()
    return results


def _requests_only(specification: Mapping[str, Any]) -> dict[str, Any]:
    """The file without its responses: some refer to what is not in it, and requests are made from the rest."""
    paths: dict[str, Any] = {}
    for path, item in specification["paths"].items():
        paths[path] = {
            method: {**operation, "responses": {"200": {"description": "see validators()"}}}
            if isinstance(operation, dict) and "responses" in operation
            else operation
            for method, operation in item.items()
        }
    return {**specification, "paths": paths}


def _generated(described: Any, count: int, seed: int) -> list[Any]:
    """So many different requests for an operation."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    cases: list[Any] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=tuple(HealthCheck),  # pyright: ignore[reportArgumentType] - iterates in a metaclass
    )
    @given(case=described.as_strategy())
    def collect(case: Any) -> None:
        cases.append(case)

    collect()
    return cases


def cited(api: str, method: str, path: str) -> set[int]:
    """Statuses of an operation that its file does not declare and a source names."""
    return {code for of, code, which, _ in CITED if of == api and re.match(which, f"{method} {path}")}


def _fault(allowed: Collection[int], validator: Any, response: Response) -> str | None:
    status = response.status_code
    if status >= 500:
        return f"{status}: {response.text[:200]}"
    if status not in allowed:
        return f"{status} is not in the file, and no source is cited: {response.text[:200]}"
    return _schema_fault(validator, response) if status == 200 else None


def validators(specification: Mapping[str, Any]) -> Mapping[tuple[str, str], Any]:
    """For each method and path, what holds a success against its schema; None where the file gives none."""
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    cleaned = _cleaned(specification, "airbyte:")
    registry: Any = Registry().with_resource("airbyte:", Resource(cleaned, DRAFT202012))
    found: dict[tuple[str, str], Any] = {}
    for path, item in cleaned["paths"].items():
        for method, operation in item.items():
            responses = operation.get("responses", {}) if isinstance(operation, dict) else {}
            content = (responses.get("200") or {}).get("content") or {}
            schema = content.get("application/json", {}).get("schema")
            if schema:
                found[method.upper(), path] = Draft202012Validator(schema, registry=registry)
    return found


def _cleaned(value: Any, base: str) -> Any:
    """The file with references below a base, and without types that JSON schema does not have."""
    if isinstance(value, list):
        return [_cleaned(inner, base) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()  # YAML reads an example's text as a time
    if not isinstance(value, dict):
        return value
    kept = {name: _cleaned(inner, base) for name, inner in value.items()}
    if isinstance(kept.get("$ref"), str):
        return {"$ref": base + kept["$ref"]}
    if str(kept.get("type")) in ("datetime", "file", "float", "long"):
        kept.pop("type")
    if kept.pop("nullable", False) is True and isinstance(kept.get("type"), str):
        kept["type"] = [kept["type"], "null"]
    if isinstance(kept.get("required"), list) and isinstance(kept.get("properties"), dict):
        # AirbyteStream requires `json_schema` and has `jsonSchema`: a name that is no property cannot be meant.
        kept["required"] = [name for name in kept["required"] if name in kept["properties"]]
    return kept


def _schema_fault(validator: Any, response: Response) -> str | None:
    if validator is None:
        return None
    if response.headers.get("content-type") != "application/json":
        return f"content type {response.headers.get('content-type')}"
    error = next(validator.iter_errors(response.json()), None)
    return None if error is None else f"{error.json_path}: {error.message[:200]}"


def table(results: Mapping[str, Sequence[OperationResult]]) -> str:
    """The figures of both APIs as a Markdown table."""
    lines = [
        "| API | operations in the file | offered | conforming | not offered (501) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for api, entries in results.items():
        served = [entry for entry in entries if entry.offered]
        conforming = sum(entry.conforming for entry in served)
        lines.append(f"| {api} | {len(entries)} | {len(served)} | {conforming} | {len(entries) - len(served)} |")
    return "\n".join(lines)


MARKS = ("<!-- conformance: written by python -m server_support.conformance -->", "<!-- end of conformance -->")


def section(results: Mapping[str, Sequence[OperationResult]]) -> str:
    """The generated part of docs/api.md: the table, and which operations it counts."""
    config = [entry for entry in results["config"] if entry.offered]
    public = [entry for entry in results["public"] if not entry.offered]
    lines = [table(results), "", "Not offered of the public API (each answers 501 and says why):", ""]
    lines.append(_wrapped(entry.name for entry in public))
    lines += ["", "Offered of the config API:", ""]
    lines.append(_wrapped(entry.path.removeprefix("/v1/") for entry in config))
    lines += ["", "Not offered of the config API (each answers 501; any other path below `/api/v1` is 404):", ""]
    lines.append(_wrapped(entry.path.removeprefix("/v1/") for entry in results["config"] if not entry.offered))
    return "\n".join(lines)


def _wrapped(names: Iterable[str]) -> str:
    text = ", ".join(f"`{name}`" for name in names)
    return textwrap.fill(f"{text}.", width=120, break_long_words=False, break_on_hyphens=False)


def written(page: str) -> str:
    """The generated part of a page."""
    return page.partition(MARKS[0])[2].partition(MARKS[1])[0].strip()


def main() -> None:
    """Ask every operation and write what came of it into docs/api.md; needs LOTUS_SHARED."""
    import sys
    import tempfile
    import time

    examples = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    shared, page = Path(os.environ["LOTUS_SHARED"]), Path("docs/api.md")
    os.environ["UV_OFFLINE"] = "1"  # generated names of connectors are not looked up
    results: dict[str, list[OperationResult]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOTUS_CACHE"] = f"{folder}/cache"
        for api in FILES:
            began = time.monotonic()
            with serve(Path(folder) / api / "data", raising=False) as http:
                airbyte = with_shop(http, Path(folder) / api / "lake")
                results[api] = run(airbyte, shared, api, examples=examples, seed=1)
            statuses = sum((entry.statuses for entry in results[api]), Counter[int]())
            print(api, statuses.total(), "requests", dict(statuses), f"{time.monotonic() - began:.0f} s")
            for entry in results[api]:
                for fault in entry.faults:
                    print(f"  {entry.method} {entry.path}: {fault}")
    text = page.read_text()
    page.write_text(text.replace(written(text), section(results)))


if __name__ == "__main__":
    main()
