"""The dev stack on this machine: an embedded Airbyte, an S3 and the demo's API, on ports that stay this clone's own."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil

from lotus.config import Source
from lotus.errors import ConfigError, ToolError, UnavailableError
from lotus.operations.lake import project_of
from lotus.operations.processes import Service, port_is_taken, running, start, stop
from lotus.tools import find

STACK = "dev"
PASSPHRASE = "public-dev-passphrase"  # noqa: S105  protects nothing on purpose; `Pulumi.dev.yaml` is encrypted with it
LANDING_BUCKET = "landing"
STATE_BUCKET = "lotus-state"
FIRST_PORT, PORT_BLOCKS, BLOCK = 20000, 1000, 10  # below Linux's ephemeral ports (32768 and up)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Dev:
    """What this clone's dev stack is made of; kept in `.lotus/dev/dev.json`, which only its owner can read."""

    airbyte_port: int
    s3_port: int
    shop_port: int
    s3_access_key_id: str
    s3_secret_access_key: str
    shop_token: str
    left_out: dict[str, str]

    @property
    def airbyte_url(self) -> str:
        """Root of the embedded Airbyte's public API."""
        return f"http://127.0.0.1:{self.airbyte_port}/api/public/v1"

    @property
    def s3_endpoint(self) -> str:
        """The S3 that landing and state lie in: `S3_ENDPOINT` if the environment names one, else this clone's MinIO."""
        given = os.environ.get("S3_ENDPOINT")
        if not given:
            return f"http://127.0.0.1:{self.s3_port}"
        return given if "://" in given else f"http://{given}"


def folder(project: Path) -> Path:
    """Where the dev stack of the clone `project` keeps everything."""
    return project / ".lotus" / "dev"


def secrets_folder(project: Path) -> Path:
    """Where `lotus sources add` keeps the secrets that a person tells it, one file each, for this clone alone."""
    return folder(project) / "secrets"


def load(project: Path) -> Dev | None:
    """The dev stack as it was last set up, or None when it never was."""
    file = folder(project) / "dev.json"
    if not file.exists():
        return None
    try:
        return Dev(**json.loads(file.read_text()))
    except (ValueError, TypeError):
        raise ConfigError(
            "the record of this clone's dev stack cannot be read",
            where=str(file),
            fix="make clean && make run (the demo's data is made again)",
        ) from None


def load_or_make(project: Path) -> Dev:
    """The dev stack's record; on the first call, ports derived from the clone's path and fresh credentials."""
    if known := load(project):
        return known
    given = bool(os.environ.get("S3_ENDPOINT"))
    ports = _free_ports(project)
    dev = Dev(
        airbyte_port=ports,
        s3_port=ports + 1,
        shop_port=ports + 2,
        s3_access_key_id=_given_key("AWS_ACCESS_KEY_ID") if given else "lotus-dev",
        s3_secret_access_key=_given_key("AWS_SECRET_ACCESS_KEY") if given else secrets.token_hex(20),
        shop_token=secrets.token_hex(20),
        left_out={},
    )
    save(project, dev)
    return dev


def save(project: Path, dev: Dev) -> None:
    """Writes the record whole or not at all, readable by its owner only."""
    file = folder(project) / "dev.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    temporary = file.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(asdict(dev), indent=1) + "\n")
    temporary.replace(file)


def _given_key(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise ConfigError(
        f"S3_ENDPOINT is set, but {name} is not",
        where="the environment",
        fix=f"export {name} for that S3, or unset S3_ENDPOINT to use a local MinIO",
    )


def _free_ports(project: Path) -> int:
    """The first port of a free block, starting from one that the clone's path decides."""
    wish = int.from_bytes(hashlib.sha256(str(project.resolve()).encode()).digest()[:4]) % PORT_BLOCKS
    for step in range(PORT_BLOCKS):
        first = FIRST_PORT + (wish + step) % PORT_BLOCKS * BLOCK
        if not any(port_is_taken(port) for port in range(first, first + 3)):
            return first
    raise ToolError("no three neighbouring loopback ports are free between 20000 and 29999")


def environment(project: Path, dev: Dev) -> dict[str, str]:
    """What `pulumi` and lotus need in a shell to work on the dev stack."""
    endpoint = urlsplit(dev.s3_endpoint)
    query = {
        "endpoint": endpoint.netloc,
        "disableSSL": str(endpoint.scheme == "http").lower(),
        "s3ForcePathStyle": "true",
        "region": os.environ.get("AWS_REGION", "us-east-1"),
    }
    found = {
        "PULUMI_STACK": STACK,
        "PULUMI_BACKEND_URL": f"s3://{STATE_BUCKET}?{urlencode(query, safe=':/')}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "AWS_ACCESS_KEY_ID": dev.s3_access_key_id,
        "AWS_SECRET_ACCESS_KEY": dev.s3_secret_access_key,
        "AWS_REGION": query["region"],
        # MinIO sends no response checksums, of which the engine's S3 client would warn at every call.
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "AIRBYTE_SERVER_URL": dev.airbyte_url,
        "LOTUS_CONFIG_S3_ENDPOINT": dev.s3_endpoint,
        "LOTUS_CONFIG_S3_BUCKET": LANDING_BUCKET,
        "LOTUS_CONFIG_SHOP_URL": f"http://127.0.0.1:{dev.shop_port}",
        "LOTUS_SECRET_S3_ACCESS_KEY_ID": dev.s3_access_key_id,
        "LOTUS_SECRET_S3_SECRET_ACCESS_KEY": dev.s3_secret_access_key,
        "LOTUS_SECRET_SHOP_TOKEN": dev.shop_token,
        # Nothing here needs a plugin from the network; without this, the engine asks for them at each run.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PATH": path(project),
    }
    if secrets_folder(project).is_dir() and "LOTUS_SECRETS_DIR" not in os.environ:
        found["LOTUS_SECRETS_DIR"] = str(secrets_folder(project))
    if dev.left_out:
        found["LOTUS_LEAVE_OUT"] = json.dumps(dev.left_out, sort_keys=True)
    return found


def path(project: Path) -> str:
    """PATH with the environment's Python first (the language host runs the first it finds), then the tools."""
    binaries = Path(sys.executable).parent
    pulumi = find("pulumi")
    wanted = [str(project / ".venv" / "bin") if (project / ".venv").exists() else str(binaries)]
    if pulumi is not None:
        wanted.append(str(pulumi.parent))
    kept = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part not in wanted]
    return os.pathsep.join([*wanted, *kept])


def services(project: Path, dev: Dev) -> list[Service]:
    """The processes of the dev stack, in the order they are started."""
    home = folder(project)
    log = home / "log"
    python = sys.executable
    found: list[Service] = []
    if not os.environ.get("S3_ENDPOINT"):
        data = str(home / "s3")
        found.append(
            Service(
                name="S3 (MinIO)",
                command=(
                    str(find("minio") or "minio"),
                    "server",
                    "--quiet",
                    "--address",
                    f"127.0.0.1:{dev.s3_port}",
                    data,
                ),
                port=dev.s3_port,
                mark=data,
                log=log / "s3.log",
                healthy=lambda: _answers(f"http://127.0.0.1:{dev.s3_port}/minio/health/cluster"),
                environment={
                    "MINIO_ROOT_USER": dev.s3_access_key_id,
                    "MINIO_ROOT_PASSWORD": dev.s3_secret_access_key,
                    "MINIO_BROWSER": "off",
                    "MINIO_UPDATE": "off",
                },
            )
        )
    airbyte_data, shop_mark = str(home / "airbyte"), str(home / "shop")
    found.append(
        Service(
            name="Airbyte (embedded)",
            command=(python, "-m", "lotus.embedded", "--data", airbyte_data, "--port", str(dev.airbyte_port)),
            port=dev.airbyte_port,
            mark=airbyte_data,
            log=log / "airbyte.log",
            healthy=lambda: _answers(f"{dev.airbyte_url}/health"),
        )
    )
    found.append(
        Service(
            name="shop (the demo's API)",
            command=(python, "-m", "lotus.demo", "--port", str(dev.shop_port), "--owner", shop_mark),
            port=dev.shop_port,
            mark=shop_mark,
            log=log / "shop.log",
            healthy=lambda: _answers(f"http://127.0.0.1:{dev.shop_port}/health"),
            environment={"LOTUS_DEMO_TOKEN": dev.shop_token},
        )
    )
    return found


@functools.cache
def _opener() -> Any:
    """An opener that goes to loopback directly, whatever proxy the shell names."""
    from urllib.request import ProxyHandler, build_opener

    return build_opener(ProxyHandler({}))


def _answers(url: str) -> bool:
    try:
        with _opener().open(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def up(project: Path, *, say: Say) -> Dev:
    """Has S3, the embedded Airbyte, the demo's API, the buckets and the Pulumi stack ready; changes nothing that is.

    Raises:
        ToolError: a program is missing, a port is taken, a server does not start.
        UnavailableError: the S3 of `S3_ENDPOINT` does not answer or refuses the keys.
    """
    dev = load_or_make(project)
    for name in ("pulumi",) if os.environ.get("S3_ENDPOINT") else ("pulumi", "minio"):
        if find(name) is None:
            raise ToolError(f"{name} is not installed", fix=f"make setup (or: python3 -m lotus.tools ensure {name})")
    for service in services(project, dev):
        started = start(service)
        say(f"{service.name}: {'started' if started else 'running'} on 127.0.0.1:{service.port}")
    make_buckets(dev)
    dev = _install_connectors(project, dev, say)
    _make_stack(project, dev)
    return dev


def _locks(dev: Dev) -> list[tuple[str, int]]:
    """The state's locks that were taken on this machine: object key and pid (the body names both, and the host)."""
    found: list[tuple[str, int]] = []
    listed = _s3(dev).list_objects_v2(Bucket=STATE_BUCKET, Prefix=".pulumi/locks/")
    for item in listed.get("Contents", ()):
        lock = json.loads(_s3(dev).get_object(Bucket=STATE_BUCKET, Key=item["Key"])["Body"].read())
        if lock.get("hostname") == socket.gethostname():
            found.append((item["Key"], int(lock["pid"])))
    return found


def _is_pulumi(pid: int) -> bool:
    try:
        return "pulumi" in psutil.Process(pid).name()
    except psutil.Error:
        return False


def _s3(dev: Dev) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=dev.s3_endpoint,
        aws_access_key_id=dev.s3_access_key_id,
        aws_secret_access_key=dev.s3_secret_access_key,
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        config=Config(
            connect_timeout=5, retries={"total_max_attempts": 4}, s3={"addressing_style": "path"}, proxies={}
        ),
    )


def make_buckets(dev: Dev) -> None:
    """Has the landing and the state bucket; raises UnavailableError when the S3 is dead or refuses the keys."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = _s3(dev)
    try:
        there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for name in sorted({LANDING_BUCKET, STATE_BUCKET} - there):
            client.create_bucket(Bucket=name)
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(
            f"the S3 of the dev stack refuses to list or make buckets: {error}",
            where=dev.s3_endpoint,
            fix="check S3_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or unset S3_ENDPOINT for a MinIO",
        ) from None


def _install_connectors(project: Path, dev: Dev, say: Say) -> Dev:
    """Has the connectors of the dev stack's sources installed; a source that no Python here fits is left out.

    Leaving it out of the program, with the reason in every output, lets the rest run.

    Raises:
        FaultsError: the files or the stack's settings have mistakes.
        ToolError: a connector cannot be installed for another reason.
    """
    variables = {**os.environ, **environment(project, dataclasses.replace(dev, left_out={}))}
    files = project_of(project, STACK, variables)
    needed = {source.name: _connector(source) for source in files.sources}
    answer = subprocess.Popen(
        [sys.executable, "-m", "lotus.embedded.connectors", *sorted({name for name in needed.values() if name})],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with answer:
        reading = threading.Thread(target=lambda: [say(line.rstrip()) for line in answer.stderr or ()])
        reading.start()
        told = {line["connector"]: line for line in map(json.loads, answer.stdout or ())}
        reading.join()
    left_out: dict[str, str] = {}
    for source, connector in sorted(needed.items()):
        found = told.get(connector or "", {"installed": True})
        if not found["installed"] and found["fits"]:
            raise ToolError(
                f"source {source}: {found['reason']}",
                where=f"streams/{source}/_source.json",
                fix="mend that, or leave the source out of the stack: lotus:sources in Pulumi.dev.yaml",
            )
        if not found["installed"]:
            left_out[source] = found["reason"]
            say(f"left out: {source}: {found['reason']}")
    if left_out != dev.left_out:
        dev = dataclasses.replace(dev, left_out=left_out)
        save(project, dev)
    return dev


def _connector(source: Source) -> str | None:
    """The source's connector as the embedded Airbyte's installer names it; None where only the server knows."""
    match source.connector.kind:
        case "manifest":
            return "manifest"
        case "type":
            return f"source-{source.connector.value}"
        case "image":
            return f"{source.connector.repository}:{source.connector.version}"
        case _:
            return None


def _make_stack(project: Path, dev: Dev) -> None:
    """Creates the stack in the state bucket once; the file stands in git, so that nothing in the clone changes.

    A lock that a killed `pulumi` of this machine left behind is taken away: its process is gone, and nobody else
    writes the dev stack of this clone.
    """
    for key, pid in _locks(dev):
        if not _is_pulumi(pid):
            _s3(dev).delete_object(Bucket=STATE_BUCKET, Key=key)
    pulumi(project, dev, ["stack", "select", "--create", STACK, "--non-interactive"])


def pulumi(project: Path, dev: Dev, arguments: list[str], *, show: bool = False) -> str:
    """Runs `pulumi` on the dev stack; with `show`, its output goes straight to the terminal.

    Raises:
        ToolError: it exits with an error; the message is its own last lines (empty words when they were shown).
    """
    program = find("pulumi") or Path("pulumi")
    answer = subprocess.run(
        [program, *arguments],
        cwd=project,
        env={**os.environ, **environment(project, dev)},
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        text=True,
        check=False,
    )
    if answer.returncode:
        words = (answer.stderr or answer.stdout or "its output is above").strip().splitlines()[-3:]
        raise ToolError(
            f"pulumi {arguments[0]} failed: {' / '.join(words)}",
            where=f"pulumi {' '.join(arguments)}",
            fix="mend the cause, then run it again: what was made is kept",
        )
    return answer.stdout or ""


def down(project: Path) -> Iterator[str]:
    """Ends the processes of the dev stack, last started first; yields the names of those that were running."""
    dev = load(project)
    if dev is not None:
        for service in reversed(services(project, dev)):
            if stop(service):
                yield service.name


@dataclass(frozen=True)
class ServiceStatus:
    """One process of the dev stack as `lotus dev status` shows it; memory in bytes."""

    name: str
    url: str
    pid: int | None
    healthy: bool
    memory: int | None


def status(project: Path) -> list[ServiceStatus]:
    """The processes of the dev stack; empty when it was never set up."""
    dev = load(project)
    found: list[ServiceStatus] = []
    for service in services(project, dev) if dev else []:
        process = running(service)
        found.append(
            ServiceStatus(
                name=service.name,
                url=f"http://127.0.0.1:{service.port}",
                pid=process.pid if process else None,
                healthy=process is not None and service.healthy(),
                memory=process.memory_info().rss if process else None,
            )
        )
    return found


def remove(project: Path) -> None:
    """Removes all data of the dev stack of this clone; it must be down."""
    shutil.rmtree(folder(project), ignore_errors=True)
