"""Names of secrets from the files alone, and what becomes of another system's Secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from lotus.authoring.secrets import moved, secrets
from lotus.errors import ConfigError
from lotus.session.session import Session

ROOT = Path(__file__).resolve().parents[2]
OLD_KEYS = (
    "workspace_id", "airbyte_server_url", "airbyte_username", "airbyte_password", "shopify_store",
    "shopify_api_password", "klaviyo_api_key", "s3_access_key_id", "s3_secret_access_key", "s3_endpoint", "cube_token",
)  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The Secret of a lake on Terraform as it is in git: names in clear, values encrypted by SOPS."""
    file = tmp_path / "lotus-lake-secrets.yaml"
    lines = [f"  {key}: ENC[AES256_GCM,data:xyz,type:str]" for key in OLD_KEYS]
    file.write_text("\n".join(["kind: Secret", "stringData:", *lines, "sops: {version: 3.9.0}", ""]))
    return file


def test_each_key_of_the_old_secret_has_its_place(old: Path):
    """Secrets by the same names, what is none to the stack's file, the login to its own Secret, the rest named."""
    found = {one.key: one.place for one in moved(Session(ROOT, "prod", {}), old)}
    assert list(found) == sorted(OLD_KEYS)
    assert found["shopify_api_password"].startswith("key shopify_api_password of the Secret")
    assert found["shopify_store"] == "lotus:config.shopify_store of the stack: it is not a secret"
    assert found["airbyte_password"].startswith("key AIRBYTE_PASSWORD")
    assert found["workspace_id"] == "lotus:workspace of the stack"
    assert found["cube_token"] == "nowhere: no file of this stack uses it"
    assert not [place for place in found.values() if "ENC" in place]


def test_what_is_no_secret_is_named(tmp_path: Path):
    """With the way to get one."""
    (tmp_path / "values.yaml").write_text("replicas: 3\n")
    with pytest.raises(ConfigError, match="not a Kubernetes Secret"):
        moved(Session(ROOT, "prod", {}), tmp_path / "values.yaml")


def test_a_missing_secret_comes_with_the_ways_to_give_it():
    """As the program would say it, for all of them at once."""
    found = {one.name: one for one in secrets(Session(ROOT, "prod", {}))}
    one = found["shopify_api_password"]
    assert (one.standing, one.wrong, one.places) == ("missing", True, ())
    assert "LOTUS_SECRETS_DIR" in one.fix and one.used_by[0].startswith("streams/shopify/_source.json: configuration.")


def test_a_mounted_folder_is_read_as_kubelet_makes_it(tmp_path: Path):
    """`..data` and its dated folder are no names."""
    dated = tmp_path / "..2026_11_20"
    dated.mkdir()
    (dated / "klaviyo_api_key").write_text("k")
    (tmp_path / "..data").symlink_to(dated)
    (tmp_path / "klaviyo_api_key").symlink_to(dated / "klaviyo_api_key")
    found = {one.name: one.standing for one in secrets(Session(ROOT, "prod", {"LOTUS_SECRETS_DIR": str(tmp_path)}))}
    assert found["klaviyo_api_key"] == "ok" and not [name for name in found if name.startswith(".")]
