"""Editors underline what validate calls a fault: the schemas in a real language server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lotus.authoring.schema import editor_settings, write_schemas
from lotus.config.mappers import AesEncryption, Hashing
from tests.support.lake import Lake

SCRIPTS = Path(__file__).parent / "language_server"
HASHING = {"type": "hashing", "targetField": "email", "method": "SHA-256", "fieldNameSuffix": "_hashed"}
ENCRYPTION = {
    "type": "encryption", "algorithm": "AES", "targetField": "email", "fieldNameSuffix": "", "mode": "CBC",
    "key": {"$secret": "mapper_key"}, "padding": "NoPadding",
}  # fmt: skip
GOOD: dict[str, Any] = {
    "streams/shop/_source.json": {
        "connector": "source-web-shop", "renamed_from": "s09", "schedule": {"units": 6, "timeUnit": "hours"},
        "connection": {"tags": ["finance"], "prefix": "a_"},
    },
    "streams/shop-eu/_connection.json": {"source": "shop", "schedule": "0 0 6 * * ? Europe/Berlin"},
    "streams/shop/orders.json": {"mappers": [HASHING, ENCRYPTION], "include_files": True, "backfill": "ids were null"},
    "streams/_destinations/lake.json": {"connector": "destination-s3", "default": True, "configuration": {}},
    "streams/_connectors/shop.json": {"image": "ghcr.io/acme/source-shop:1.2.3"},
}  # fmt: skip
BAD: dict[str, Any] = {
    "streams/shop/_source.json": {"schedule": {"units": 0, "timeUnit": "hours"}},
    "streams/shop/_connection.json": {"schedule": "manual"},
    "streams/shop/orders.json": {"mappers": [{**HASHING, "method": "SHA256"}]},
    "streams/shop/customers.json": {"mappers": [{**ENCRYPTION, "key": "00112233"}]},
    "streams/shop/products.json": {"curser_field": ["id"]},
    "streams/_destinations/lake.json": {"connector": "destination-s3", "default": "yes"},
    "streams/_connectors/shop.json": {"imagee": "x"},
    "streams/shop/_discovered/orders.json": {"options": {"sync_modes": ["sometimes"]}},
    "streams/shop/_discovered/_spec.json": {},
}
Diagnose = Callable[[Mapping[str, Any]], dict[str, list[str]]]


@pytest.fixture(scope="session")
def modules() -> Path:
    """The language server's package, installed once for all runs."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs node and npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lotus-tests" / "language-server"
    if not (cache / "node_modules").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        shutil.copy(SCRIPTS / "package.json", cache)
        command = [npm, "install", "--no-audit", "--no-fund", "--silent"]
        if subprocess.run(command, cwd=cache, check=False).returncode:
            pytest.skip("npm cannot install the language server here")
    return cache


@pytest.fixture
def diagnose(lake: Lake, modules: Path) -> Diagnose:
    """What the editor underlines in files of a project."""
    write_schemas(lake.folder)

    def run(files: Mapping[str, Any]) -> dict[str, list[str]]:
        request = {
            "root": str(lake.folder),
            "schemas": editor_settings("streams")["json.schemas"],
            "documents": {name: json.dumps(content) for name, content in files.items()},
        }
        answer = subprocess.run(
            ["node", str(SCRIPTS / "diagnose.mjs"), str(modules)],
            input=json.dumps(request), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return run


def test_nothing_is_underlined_in_good_files(diagnose: Diagnose) -> None:
    assert [name for name, messages in diagnose(GOOD).items() if messages] == []


def test_every_bad_file_is_underlined(diagnose: Diagnose) -> None:
    assert [name for name, messages in diagnose(BAD).items() if not messages] == []


def test_the_files_of_the_test_are_what_the_models_take() -> None:
    """So that a good file is one for validate too."""
    assert Hashing.model_validate(HASHING)
    assert AesEncryption.model_validate(ENCRYPTION)
