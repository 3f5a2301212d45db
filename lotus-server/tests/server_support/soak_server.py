"""The server with short pauses, so that more of them are met by a kill: `python soak_server.py DATA PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from lotus_server.app import create_app
from lotus_server.jobs.jobs import Jobs
from lotus_server.jobs.preparation import SyncLimits
from lotus_server.jobs.queue import BackOff
from lotus_server.services.startup import open_server

data, port = Path(sys.argv[1]), int(sys.argv[2])
server = open_server(data)
server.jobs = Jobs(
    server.store,
    server.connectors,
    data=data,
    concurrency=3,
    back_off=BackOff((0.2, 0.5), (0.2, 0.5)),
    limits=SyncLimits(flush_seconds=0.3),
)
uvicorn.run(create_app(server), port=port, log_level="warning", access_log=False)
