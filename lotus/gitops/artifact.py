"""Fetches the commit that Flux serves into a folder: the drift job looks at what the operator applies, with no git key.

`python -m lotus.gitops.artifact --namespace lotus --name lotus --into /var/lib/lotus/source`
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tarfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from lotus.errors import LotusError, RemoteError, UnavailableError
from lotus.gitops.cluster import Cluster

MAX_BYTES = 100 << 20
"""As PKO's own limit for an unpacked source (docs/pulumi-behaviour.md#size-of-an-artifact)."""


def fetch(cluster: Cluster, name: str, into: Path) -> str:
    """Unpacks the GitRepository's current artifact into `into`; returns its revision.

    Raises:
        RemoteError: there is no such GitRepository, it has no artifact, or the archive has another digest.
        UnavailableError: source-controller does not answer.
    """
    subject = f"GitRepository {cluster.namespace}/{name}"
    repository = cluster.get("GitRepository", name)
    if repository is None:
        raise RemoteError(f'there is no GitRepository "{name}"', where=f"namespace {cluster.namespace}")
    artifact = (repository.get("status") or {}).get("artifact")
    if not artifact:
        raise RemoteError("Flux has not fetched anything yet", where=subject, fix="lotus reconcile says why")
    archive = _download(artifact["url"])
    algorithm, _, digest = artifact["digest"].partition(":")
    if hashlib.new(algorithm, archive).hexdigest() != digest:
        raise RemoteError("the archive does not have the digest that Flux announces", where=artifact["url"])
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        members = tar.getmembers()
        if sum(member.size for member in members) > MAX_BYTES:
            raise RemoteError(f"the archive unpacks to more than {MAX_BYTES >> 20} MB", where=artifact["url"])
        tar.extractall(into, members=members, filter="data")
    return str(artifact["revision"])


def _download(url: str) -> bytes:
    # Straight to the cluster's own service, whatever proxy the pod has for the world outside.
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=60) as response:
            return response.read(MAX_BYTES)
    except (URLError, TimeoutError) as error:
        raise UnavailableError(
            f"source-controller does not answer: {getattr(error, 'reason', error)}",
            where=url,
            fix="a NetworkPolicy may block it; `lotus gitops render` has the one that admits this namespace",
        ) from None


def main() -> int:
    """The drift job's first container."""
    parser = argparse.ArgumentParser(prog="python -m lotus.gitops.artifact", description=__doc__)
    for name in ("--namespace", "--name", "--into"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    try:
        with Cluster(options.namespace) as cluster:
            print(fetch(cluster, options.name, Path(options.into)))
    except LotusError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
