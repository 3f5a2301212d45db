"""A real etcd, kube-apiserver and Flux source-controller on loopback: what the GitOps tests talk to.

They are built from their own pinned Go modules in `modules/`, once, into the cache of the other tools.
`KUBEBUILDER_ASSETS`, a folder with etcd and kube-apiserver as `setup-envtest` makes it, is used when it is set.
`python -m tests.gitops.control_plane` only has them ready, and says how far it is.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from lotus.tools import ensure
from lotus.tools.catalog import TOOLS, Package, Tool, version_of
from tests.support.processes import free_port, running

HERE = Path(__file__).parent
KUBERNETES = "1.34.2"
_STAMP = "k8s.io/component-base/version"


def _module(name: str) -> str:
    return str(HERE / "modules" / name)


CLUSTER_TOOLS = {
    "etcd": Tool("etcd", "3.6.4", 1, (Package(_module("etcd"), "lotus.tests/etcd"),)),
    "kube-apiserver": Tool(
        "kube-apiserver",
        KUBERNETES,
        6,
        (
            Package(
                _module("kube-apiserver"),
                "k8s.io/kubernetes/cmd/kube-apiserver",
                f"-s -w -X {_STAMP}.gitVersion=v{KUBERNETES} -X {_STAMP}.gitMajor=1 -X {_STAMP}.gitMinor=34",
            ),
        ),
        fits=lambda program: version_of(program, "--version")[:2] == (1, 34),
    ),
    "source-controller": Tool(
        "source-controller",
        "1.3.0",
        4,
        (Package(_module("source-controller"), "github.com/fluxcd/source-controller"),),
        copied=tuple(
            ("github.com/fluxcd/source-controller@v1.3.0", f"config/crd/bases/source.toolkit.fluxcd.io_{kind}.yaml")
            for kind in ("buckets", "gitrepositories", "helmcharts", "helmrepositories", "ocirepositories")
        ),
    ),
}
"""Test-only programs; they are no part of lotus, so its own table does not have them."""


def program(name: str) -> Path:
    """The program, from `KUBEBUILDER_ASSETS` or built."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and name in ("etcd", "kube-apiserver") and (Path(assets) / name).exists():
        return Path(assets) / name
    TOOLS.update(CLUSTER_TOOLS)
    return ensure(name)


@dataclass(frozen=True)
class ControlPlane:
    """A running API server, its kubeconfig, and a client with its administrator's token."""

    url: str
    kubeconfig: Path
    client: httpx.Client

    def apply(
        self, manifest: Mapping[str, Any], *, manager: str = "lotus-test", subresource: str = ""
    ) -> dict[str, Any]:
        """Server-side apply with strict field validation: an unknown or doubled field is refused."""
        path = self.path(manifest) + (f"/{subresource}" if subresource else "")
        answer = self.client.patch(
            path,
            params={"fieldManager": manager, "force": "true", "fieldValidation": "Strict"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            content=json.dumps(manifest),
        )
        return _body(answer)

    def get(self, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
        """The object of the same kind and name, or None."""
        answer = self.client.get(self.path(manifest))
        return None if answer.status_code == 404 else _body(answer)

    def delete(self, manifest: Mapping[str, Any]) -> None:
        """Deletes the object of the same kind and name."""
        _body(self.client.delete(self.path(manifest), params={"propagationPolicy": "Background"}))

    def path(self, manifest: Mapping[str, Any]) -> str:
        """The object's path, as the API server's own discovery has it."""
        group_version, kind = manifest["apiVersion"], manifest["kind"]
        root = f"/api/{group_version}" if "/" not in group_version else f"/apis/{group_version}"
        known = _body(self.client.get(root))["resources"]
        found = next(one for one in known if one["kind"] == kind and "/" not in one["name"])
        space = f"/namespaces/{manifest['metadata']['namespace']}" if found["namespaced"] else ""
        return f"{root}{space}/{found['name']}/{manifest['metadata']['name']}"

    def install(self, definition: Mapping[str, Any]) -> None:
        """Applies a CustomResourceDefinition and waits until its kind is served."""
        self.apply(definition)
        for _ in range(200):
            found = self.get(definition) or {}
            if any(
                one["type"] == "Established" and one["status"] == "True"
                for one in found.get("status", {}).get("conditions") or ()
            ):
                return
            time.sleep(0.1)
        raise AssertionError(f"{definition['metadata']['name']} was not established")


def _body(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:2000]}"
    return answer.json()


@contextmanager
def control_plane(folder: Path) -> Generator[ControlPlane]:
    """etcd and kube-apiserver with their data in `folder`."""
    etcd, apiserver = program("etcd"), program("kube-apiserver")
    store, peer, port, token = free_port(), free_port(), free_port(), secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    _private_key(folder / "sa.key")
    etcd_command = [
        etcd, "--data-dir", folder / "etcd", "--unsafe-no-fsync",
        "--listen-client-urls", f"http://127.0.0.1:{store}", "--advertise-client-urls", f"http://127.0.0.1:{store}",
        "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
        "--initial-cluster", f"default=http://127.0.0.1:{peer}",
    ]  # fmt: skip
    apiserver_command = [
        apiserver, "--etcd-servers", f"http://127.0.0.1:{store}", "--secure-port", port,
        "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--cert-dir", folder / "certificates",
        "--token-auth-file", folder / "tokens.csv", "--authorization-mode", "RBAC",
        "--service-account-issuer", "https://kubernetes.default.svc", "--service-cluster-ip-range", "10.0.0.0/24",
        "--service-account-key-file", folder / "sa.key", "--service-account-signing-key-file", folder / "sa.key",
    ]  # fmt: skip
    url = f"https://127.0.0.1:{port}"
    with running(etcd_command, folder / "etcd.log"), running(apiserver_command, folder / "apiserver.log") as server:
        certificate = folder / "certificates" / "apiserver.crt"
        _wait(server, folder / "apiserver.log", certificate.exists)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(url, certificate, token)))
        import ssl

        context = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(
            base_url=url, verify=context, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30
        ) as client:
            _wait(server, folder / "apiserver.log", lambda: _ready(client))
            yield ControlPlane(url, kubeconfig, client)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _wait(process: subprocess.Popen[bytes], log: Path, done: Any, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert process.poll() is None and time.monotonic() < until, log.read_text(errors="replace")[-3000:]
        time.sleep(0.1)


def _kubeconfig(url: str, certificate: Path, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }


def definitions(folder: Path) -> Generator[dict[str, Any]]:
    """The CustomResourceDefinitions in a folder of YAML files."""
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            if document and document.get("kind") == "CustomResourceDefinition":
                yield document


def flux_definitions() -> Path:
    """The folder that holds the CRDs of the source-controller that runs here."""
    return program("source-controller").parent


def _private_key(file: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )


if __name__ == "__main__":
    for name in CLUSTER_TOOLS:
        print(program(name))
