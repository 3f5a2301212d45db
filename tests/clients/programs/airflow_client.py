"""Airflow's provider: the operator in its three forms, the sensor, and a cancel."""

from __future__ import annotations

import asyncio
import os
import tempfile

from steps import CONNECTION_ID, PUBLIC, SLOW_CONNECTION_ID, check, step

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
os.environ["AIRFLOW_CONN_AIRBYTE_DEFAULT"] = (
    '{"conn_type": "airbyte", "host": "%s/", "login": "any", "password": "any"}' % PUBLIC
)

from airflow.providers.airbyte.hooks.airbyte import AirbyteHook
from airflow.providers.airbyte.operators.airbyte import AirbyteTriggerSyncOperator
from airflow.providers.airbyte.sensors.airbyte import AirbyteJobSensor
from airflow.providers.airbyte.triggers.airbyte import AirbyteSyncTrigger
from airflow.sdk.exceptions import TaskDeferred


def operator(**options):
    return AirbyteTriggerSyncOperator(task_id="sync", connection_id=CONNECTION_ID, wait_seconds=0.5, **options)


def asynchronous():
    return operator(asynchronous=True).execute({})


def sensed(job_id):
    sensor = AirbyteJobSensor(task_id="sense", airbyte_job_id=job_id, poke_interval=0.5, timeout=120)
    sensor.execute({})


def deferred():
    try:
        operator(deferrable=True).execute({})
    except TaskDeferred as deferral:
        trigger = deferral.trigger
        check(isinstance(trigger, AirbyteSyncTrigger))
        trigger.poll_interval = 0.5

        async def first():
            async for event in trigger.run():
                return event.payload

        payload = asyncio.run(first())
        check(payload["status"] == "success", payload)


def cancelled():
    hook = AirbyteHook()
    job = hook.submit_sync_connection(SLOW_CONNECTION_ID)
    hook.cancel_job(job.job_id)
    check(str(hook.get_job_status(job.job_id)).lower().endswith("cancelled"))


step("test_connection", lambda: check(AirbyteHook().test_connection()[0]))
step("operator, synchronous", lambda: operator().execute({}))
job_id = step("operator, asynchronous", asynchronous)
if job_id is not None:
    step("sensor", lambda: sensed(job_id))
step("operator, deferrable", deferred)
step("cancel", cancelled)
