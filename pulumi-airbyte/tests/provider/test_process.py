"""The plugin as a process."""

from __future__ import annotations

import subprocess
import sys
import time

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto import provider_pb2_grpc

ENGINE = """
import subprocess, sys, time
plugin = subprocess.Popen([sys.executable, "-m", "pulumi_airbyte.provider", "127.0.0.1:9"], stdout=subprocess.PIPE)
plugin.stdout.readline()
print(plugin.pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for init to notice does not."""
    answer = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(answer.stdout.strip()) and not answer.stdout.startswith("Z")


def test_a_killed_engine_leaves_no_plugin_behind():
    """The engine ends its plugins when it ends; when it is killed, they have to notice."""
    with subprocess.Popen([sys.executable, "-c", ENGINE], stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        plugin = int(engine.stdout.readline())
        engine.kill()
    until = time.monotonic() + 20
    while alive(plugin) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(plugin)


def test_an_error_has_no_effect_on_a_terminal():
    """What a program, a server or a connector says is in it, with its control characters spelled out."""
    command = [sys.executable, "-m", "pulumi_airbyte.provider"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as plugin:
        assert plugin.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(plugin.stdout.readline())}") as channel:
            provider = provider_pb2_grpc.ResourceProviderStub(channel)
            with pytest.raises(grpc.RpcError) as raised:
                provider.Invoke(proto.InvokeRequest(tok="no\x1b[2J\rsuch\u202e"))
        plugin.terminate()

    assert raised.value.details() == "this provider has no function no\\x1b[2J\\x0dsuch\\u202e"  # pyright: ignore[reportAttributeAccessIssue]
