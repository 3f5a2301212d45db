"""The dev stack on this machine: the local server, an S3 and the demo's API, on ports that stay this clone's own."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil

from lotus.config.loading import file_settings, stack_project
from lotus.config.pulumi_yaml import stack_config
from lotus.errors import ToolError, UnavailableError
from lotus.local import connectors
from lotus.local.processes import Service, answers, running, start, stop
from lotus.local.record import Dev, folder, load, load_or_make, save, secrets_folder
from lotus.local.s3_servers import s3_program, s3_service
from lotus.s3 import Patience, s3_client
from lotus.tools import find
from lotus.tools import pulumi as pulumi_command

STACK = "dev"
CLIENT_ID = "lotus"
CLIENT_SECRET = "any"  # noqa: S105  the dev stack's Airbyte asks for no credentials, and takes any
PASSPHRASE = "public-dev-passphrase"  # noqa: S105  protects nothing on purpose; `Pulumi.dev.yaml` is encrypted with it
LANDING_BUCKET = "landing"
STATE_BUCKET = "lotus-state"
Say = Callable[[str], None]


def backend_url(dev: Dev) -> str:
    """Where the dev stack's state is, as Pulumi writes it."""
    endpoint = urlsplit(dev.s3_endpoint)
    query = {
        "endpoint": endpoint.netloc,
        "disableSSL": str(endpoint.scheme == "http").lower(),
        "s3ForcePathStyle": "true",
        "region": _region(),
    }
    return f"s3://{STATE_BUCKET}?{urlencode(query, safe=':/')}"


def _region() -> str:
    return os.environ.get("AWS_REGION", "us-east-1")


def environment(project: Path, dev: Dev) -> dict[str, str]:
    """What `pulumi` and lotus need in a shell to work on the dev stack."""
    variables = {
        "PULUMI_STACK": STACK,
        "PULUMI_BACKEND_URL": backend_url(dev),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "AWS_ACCESS_KEY_ID": dev.s3_access_key_id,
        "AWS_SECRET_ACCESS_KEY": dev.s3_secret_access_key,
        "AWS_REGION": _region(),
        # These S3 send no response checksums, of which the engine's S3 client would warn at every call.
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "AIRBYTE_SERVER_URL": dev.airbyte_url,
        # The local server takes any pair; some clients do not start without one.
        "AIRBYTE_CLIENT_ID": CLIENT_ID,
        "AIRBYTE_CLIENT_SECRET": CLIENT_SECRET,
        "LOTUS_CONFIG_S3_ENDPOINT": dev.s3_endpoint,
        "LOTUS_CONFIG_S3_BUCKET": LANDING_BUCKET,
        "LOTUS_CONFIG_SHOP_URL": f"http://127.0.0.1:{dev.shop_port}",
        "LOTUS_SECRET_S3_ACCESS_KEY_ID": dev.s3_access_key_id,
        "LOTUS_SECRET_S3_SECRET_ACCESS_KEY": dev.s3_secret_access_key,
        "LOTUS_SECRET_SHOP_TOKEN": dev.shop_token,
        # Nothing here needs a plugin from the network (docs/pulumi-behaviour.md#plugin-downloads).
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PATH": path(project),
    }
    if not uses_demo(project):
        del variables["LOTUS_CONFIG_SHOP_URL"], variables["LOTUS_SECRET_SHOP_TOKEN"]
    if secrets_folder(project).is_dir() and "LOTUS_SECRETS_DIR" not in os.environ:
        variables["LOTUS_SECRETS_DIR"] = str(secrets_folder(project))
    if dev.left_out:
        variables["LOTUS_LEAVE_OUT"] = json.dumps(dev.left_out, sort_keys=True)
    return variables


def path(project: Path) -> str:
    """PATH with the environment's Python first (the language host runs the first it finds), then the tools."""
    binaries = Path(sys.executable).parent
    pulumi = find("pulumi")
    first = [str(project / ".venv" / "bin") if (project / ".venv").exists() else str(binaries)]
    if pulumi is not None:
        first.append(str(pulumi.parent))
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part not in first]
    return os.pathsep.join([*first, *rest])


def uses_demo(project: Path) -> bool:
    """Whether a source reads the demo's shop, whose address the dev stack alone knows."""
    streams = str(stack_config(project, STACK).get("lotus:streams") or "streams")
    return any(b'"shop_url"' in file.read_bytes() for file in project.glob(f"{streams}/*/_source.json"))


def services(project: Path, dev: Dev) -> list[Service]:
    """The processes of the dev stack, in the order they are started."""
    home = folder(project)
    services = [] if dev.given_s3 else [s3_service(home, dev)]
    services.append(_airbyte(project, home, dev))
    if uses_demo(project):
        services.append(_shop(home, dev))
    return services


def _airbyte(project: Path, home: Path, dev: Dev) -> Service:
    data = str(home / "airbyte")
    settings = file_settings(project, STACK)
    options = ["--locks", str(connectors.locks_of(project, settings))]
    if settings.components:
        options.append("--components")
    return Service(
        name="local server",
        command=(sys.executable, "-m", "lotus_server", "--data", data, "--port", str(dev.airbyte_port), *options),
        port=dev.airbyte_port,
        mark=data,
        log=home / "log" / "airbyte.log",
        healthy=lambda: answers(f"{dev.airbyte_url}/health"),
    )


def _shop(home: Path, dev: Dev) -> Service:
    mark = str(home / "shop")
    return Service(
        name="shop (the demo's API)",
        command=(sys.executable, "-m", "lotus.local.shop", "--port", str(dev.shop_port), "--owner", mark),
        port=dev.shop_port,
        mark=mark,
        log=home / "log" / "shop.log",
        healthy=lambda: answers(f"http://127.0.0.1:{dev.shop_port}/health"),
        environment={"LOTUS_DEMO_TOKEN": dev.shop_token},
    )


def up(project: Path, *, say: Say, port: int | None = None) -> Dev:
    """Has S3, the local server, the demo's API, the buckets and the Pulumi stack ready; changes nothing that is.

    Args:
        port: the first of the stack's three ports from now on; data stays.

    Raises:
        ToolError: a program is missing, a port is taken, a server does not start.
        UnavailableError: the S3 of `S3_ENDPOINT` does not answer or refuses the keys.
    """
    if port is not None:
        list(down(project))  # what runs is on the old ports
    dev = load_or_make(project, port)
    pulumi_command.program()
    if not dev.given_s3:
        s3_program(dev)
    for service in services(project, dev):
        started = start(service)
        say(f"{service.name}: {'started' if started else 'running'} on 127.0.0.1:{service.port}")
    make_buckets(dev)
    dev = _install_connectors(project, dev, say)
    _make_stack(project, dev)
    return dev


def synced_sources(project: Path, dev: Dev) -> list[str]:
    """The sources that the dev stack syncs.

    Raises:
        FaultsError: the files or the stack's settings have faults.
    """
    files = stack_project(project, STACK, {**os.environ, **environment(project, dev)})
    return [source.name for source in files.sources]


def _locks(dev: Dev) -> list[tuple[str, int]]:
    """The state's locks that were taken on this machine: object key and pid (the body names both, and the host)."""
    locks: list[tuple[str, int]] = []
    listed = _s3(dev).list_objects_v2(Bucket=STATE_BUCKET, Prefix=".pulumi/locks/")
    for item in listed.get("Contents", ()):
        lock = json.loads(_s3(dev).get_object(Bucket=STATE_BUCKET, Key=item["Key"])["Body"].read())
        if lock.get("hostname") == socket.gethostname():
            locks.append((item["Key"], int(lock["pid"])))
    return locks


def _is_pulumi(pid: int) -> bool:
    try:
        return "pulumi" in psutil.Process(pid).name()
    except psutil.Error:
        return False


def _s3(dev: Dev) -> Any:
    return s3_client(
        endpoint=dev.s3_endpoint,
        region=os.environ.get("AWS_REGION", "us-east-1"),
        access_key_id=dev.s3_access_key_id,
        secret_access_key=dev.s3_secret_access_key,
        patience=Patience(connect=5),
    )


def make_buckets(dev: Dev) -> None:
    """Has the landing and the state bucket; raises UnavailableError when the S3 is dead or refuses the keys."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = _s3(dev)
    try:
        existing = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for name in sorted({LANDING_BUCKET, STATE_BUCKET} - existing):
            client.create_bucket(Bucket=name)
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(
            f"the S3 of the dev stack refuses to list or create buckets: {error}",
            where=dev.s3_endpoint,
            fix="check S3_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or use the S3 of this clone: S3_ENDPOINT= make run",
        ) from None


def _install_connectors(project: Path, dev: Dev, say: Say) -> Dev:
    """Has the connectors of the dev stack's sources installed; a source that no Python here fits is left out.

    Leaving it out of the program, with the reason in every output, lets the rest run.

    Raises:
        FaultsError: the files or the stack's settings have faults.
        ToolError: a connector cannot be installed for another reason.
    """
    variables = {**os.environ, **environment(project, dataclasses.replace(dev, left_out={}))}
    files = stack_project(project, STACK, variables)
    left_out: dict[str, str] = {}
    for source, report in connectors.install(files.sources, connector_locks(project), say):
        if report.installed:
            continue
        if report.fits:
            raise ToolError(
                f"source {source.name}: {report.reason}",
                where=source.file,
                fix="fix that, or leave the source out of the stack: lotus:sources in Pulumi.dev.yaml",
            )
        left_out[source.name] = report.reason
        say(f"left out: {source.name}: {report.reason}")
    if left_out != dev.left_out:
        dev = dataclasses.replace(dev, left_out=left_out)
        save(project, dev)
    return dev


def connector_locks(project: Path) -> Path:
    """Where this project keeps the locks of its connectors."""
    return connectors.locks_of(project, file_settings(project, STACK))


def _make_stack(project: Path, dev: Dev) -> None:
    """Creates the stack in the state bucket once; the file is in git, so that nothing in the clone changes.

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
    result = pulumi_command.run(project, arguments, {**os.environ, **environment(project, dev)}, show=show)
    if result.returncode:
        words = (result.stderr or result.stdout or "its output is above").strip().splitlines()[-3:]
        raise ToolError(
            f"pulumi {arguments[0]} failed: {' / '.join(words)}",
            where=f"pulumi {' '.join(arguments)}",
            fix="fix the cause, then run it again; what was created is kept",
        )
    return result.stdout or ""


def down(project: Path) -> Iterator[str]:
    """Ends the processes of the dev stack, last started first; yields the names of those that were running."""
    dev = load(project)
    if dev is not None:
        # What runs may be of before: of another S3, of files that used the demo.
        home = folder(project)
        for service in (_shop(home, dev), _airbyte(project, home, dev), s3_service(home, dev)):
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
    statuses: list[ServiceStatus] = []
    for service in services(project, dev) if dev else []:
        process = running(service)
        statuses.append(
            ServiceStatus(
                name=service.name,
                url=f"http://127.0.0.1:{service.port}",
                pid=process.pid if process else None,
                healthy=process is not None and service.healthy(),
                memory=process.memory_info().rss if process else None,
            )
        )
    return statuses


def remove(project: Path) -> None:
    """Removes all data of the dev stack of this clone; it must be down."""
    shutil.rmtree(folder(project), ignore_errors=True)
