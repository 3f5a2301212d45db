"""`python -m server_support.connector_table [NAME…]`: what really happens with each connector, for docs/connectors.md.

Each is installed into a cache of its own, asked for its spec, given a wrong setting and then invented credentials, and
removed again. This takes minutes and gigabytes, so it is run by hand; results are kept in a file and the table is
written from them.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lotus_server.connectors import ConnectorError, Connectors, Definition
from lotus_server.connectors.__main__ import newest_installed
from lotus_server.connectors.locks import Package
from lotus_server.domain.configuration import faults
from lotus_server.domain.connector_specs import schema_of

NAMES = (
    "airtable", "amplitude", "asana", "chargebee", "facebook-marketing", "faker", "file", "github", "gitlab",
    "google-ads", "google-analytics-data-api", "google-sheets", "hubspot", "intercom", "jira", "klaviyo", "notion",
    "s3", "salesforce", "shopify", "slack", "stripe",
)  # fmt: skip
CHECK_SECONDS = 90.0
RESULTS = Path(tempfile.gettempdir()) / "lotus-connector-table.json"
PAGE = Path(__file__).parents[3] / "docs" / "connectors.md"
BEGIN = "<!-- table: written by python -m server_support.connector_table -->"
END = "<!-- end of table -->"


async def trial(name: str) -> dict[str, Any]:
    """One connector: what was installed, and what it answered."""
    cache = Path(tempfile.mkdtemp(prefix="lotus-connector-"))
    result: dict[str, Any] = {"name": name}
    connectors = Connectors(cache, owner=str(cache), progress=lambda line: print(line, file=sys.stderr, flush=True))
    started = time.monotonic()
    try:
        answer = await newest_installed(connectors, f"airbyte-source-{name}")
        result |= {"version": answer["version"], "skipped": answer["skipped"]}
        result["install_seconds"] = round(time.monotonic() - started)
        package = Package(f"airbyte-source-{name}=={answer['version']}")
        environment = await connectors.environment(package)
        result["python"] = environment.python
        result["megabytes"] = round(sum(f.stat().st_size for f in environment.folder.rglob("*") if f.is_file()) / 1e6)
        definition = Definition("id", name, f"airbyte/source-{name}", answer["version"])
        schema = schema_of(await connectors.spec(definition))
        result["spec"] = f"{len(schema.get('properties') or {})} settings"
        configuration = invented(schema)
        result["unfit"] = faults(configuration, schema)
        result["wrong"] = faults(wrong(configuration, schema), schema)
        result["check"] = await _checked(connectors, definition, configuration)
    except ConnectorError as error:
        result["reason"] = str(error)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    return result


async def _checked(connectors: Connectors, definition: Definition, configuration: dict[str, Any]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            check = await connectors.check(definition, configuration)
    except TimeoutError:
        return f"no answer in {CHECK_SECONDS:g} s"
    return "succeeded" if check.succeeded else f"failed: {check.message}"


def invented(schema: Any, name: str = "value") -> Any:
    """A value that a schema allows, out of nothing: examples and defaults where it has some."""
    variants = schema.get("oneOf") or schema.get("anyOf")
    if variants:
        own = {key: value for key, value in schema.items() if key not in ("oneOf", "anyOf", "default")}
        merged = {**own, **variants[0 if name == "provider" else -1]}
        return invented(merged, name)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    return _of_type("object" if "properties" in schema else schema.get("type"), schema, name)


def _of_type(kind: Any, schema: Any, name: str) -> Any:
    match kind:
        case "object":
            return _object(schema)
        case "array":
            if schema.get("examples"):
                first = schema["examples"][0]
                return first if isinstance(first, list) else [first]
            return [invented(schema.get("items") or {"type": "string"}, name)] * max(1, schema.get("minItems", 1))
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            return str((schema.get("examples") or [_text(schema, name)])[0])


def _object(schema: Any) -> dict[str, Any]:
    properties: dict[str, Any] = schema.get("properties") or {}
    needed = {*(schema.get("required") or ()), *(key for key, each in properties.items() if "const" in each)}
    needed |= {key for key, each in properties.items() if isinstance(each.get("default"), str | int | float)}
    # An optional object of credentials is what the connector logs in with.
    needed |= {key for key in properties if key in ("credentials", "api_token", "api_key")}
    return {key: invented(properties.get(key) or {"type": "string"}, key) for key in properties if key in needed}


def _text(schema: Any, name: str) -> str:
    if "date" in name or schema.get("format") in ("date", "date-time"):
        return "2025-01-01T00:00:00Z" if "T" in str(schema.get("pattern", "T")) else "2025-01-01"
    digits = re.match(r"\^?(\\d|\[0-9\])", str(schema.get("pattern", "")))
    return "1234567890" if digits else f"invented-{name}"


def wrong(configuration: dict[str, Any], schema: Any) -> dict[str, Any]:
    """The configuration with one setting of a wrong type; without its required settings, where it has none to spoil."""
    for key in (*(schema.get("required") or ()), *(schema.get("properties") or {})):
        if isinstance(configuration.get(key), str | int | dict | list):
            return {**configuration, key: ["wrong"] if not isinstance(configuration[key], list) else "wrong"}
    return {key: ["wrong"] for key in schema.get("properties") or {}}


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    rows = [
        "| connector | installs | spec | a wrong setting | check with invented credentials: what a person reads |",
        "| --- | --- | --- | --- | --- |",
    ]
    for result in results:
        if "version" not in result:
            rows.append(f"| {result['name']} | no: {_cell(result['reason'])} | | | |")
            continue
        installs = f"{result['version']}, Python {result.get('python', '?')}, {result.get('megabytes', '?')} MB"
        if result["skipped"]:
            installs += f"; not {result['skipped'][0]['version']}"
        rest = [
            result.get("spec") or f"no: {result.get('reason', '')}",
            result["wrong"][0] if result.get("wrong") else "accepted",
            result.get("check", result.get("reason", "")),
        ]
        rows.append(f"| {result['name']} | {installs} | " + " | ".join(map(_cell, rest)) + " |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"0x[0-9a-f]+", "0x…", text)).replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= 240 else text[:239] + "…"


def main(names: list[str]) -> None:
    """Tries the connectors, keeps the results, writes the table."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in names:
        results[name] = asyncio.run(trial(name))
        RESULTS.write_text(json.dumps(results, indent=1))
    if PAGE.exists():
        before, _, rest = PAGE.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        made = table([results[name] for name in NAMES if name in results])
        PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(NAMES))
