"""airbyte-api: the generated client of the public API, at its own time limits."""

from __future__ import annotations

import time

import airbyte_api
from airbyte_api import api, models
from steps import CONNECTION_ID, PUBLIC, SLOW_CONNECTION_ID, WORKSPACE_ID, check, step

credentials = models.SchemeClientCredentials(client_id="any", client_secret="any", token_url="/applications/token")
client = airbyte_api.AirbyteAPI(server_url=PUBLIC, security=models.Security(client_credentials=credentials))
bearer = airbyte_api.AirbyteAPI(server_url=PUBLIC, security=models.Security(bearer_auth="any"))


def new_source():
    request = models.SourceCreateRequest(
        name="sdk", workspace_id=WORKSPACE_ID, configuration=models.SourceFaker(count=10)
    )
    return client.sources.create_source(request=request).source_response


def wait(job_id):
    deadline = time.time() + 120
    while time.time() < deadline:
        job = client.jobs.get_job(request=api.GetJobRequest(job_id=job_id)).job_response
        if job.status in (models.JobStatusEnum.SUCCEEDED, models.JobStatusEnum.FAILED, models.JobStatusEnum.CANCELLED):
            return job
        time.sleep(0.5)
    raise AssertionError("the job does not end")


def synced():
    request = models.JobCreateRequest(connection_id=CONNECTION_ID, job_type=models.JobTypeEnum.SYNC)
    job = wait(client.jobs.create_job(request=request).job_response.job_id)
    check(job.status == models.JobStatusEnum.SUCCEEDED and job.rows_synced > 0, job)


def cancelled():
    request = models.JobCreateRequest(connection_id=SLOW_CONNECTION_ID, job_type=models.JobTypeEnum.SYNC)
    job_id = client.jobs.create_job(request=request).job_response.job_id
    job = client.jobs.cancel_job(request=api.CancelJobRequest(job_id=job_id)).job_response
    check(job.status == models.JobStatusEnum.CANCELLED, job)


def refused():
    try:
        client.sources.get_source(request=api.GetSourceRequest(source_id="00000000-0000-1000-8000-00000000dead"))
    except Exception as error:
        check("404" in str(error) or getattr(error, "status_code", 0) == 404, error)
    else:
        raise AssertionError("a source that does not exist was found")


step("health", lambda: check(client.health.get_health_check().status_code == 200))
step(
    "workspaces",
    lambda: check(client.workspaces.list_workspaces(request=api.ListWorkspacesRequest()).workspaces_response),
)
step("any bearer token", lambda: check(bearer.sources.list_sources(request=api.ListSourcesRequest()).sources_response))
source = step("create a source", new_source)
if source is not None:
    step("get it", lambda: client.sources.get_source(request=api.GetSourceRequest(source_id=source.source_id)))
    step("delete it", lambda: client.sources.delete_source(request=api.DeleteSourceRequest(source_id=source.source_id)))
step(
    "get a connection",
    lambda: client.connections.get_connection(request=api.GetConnectionRequest(connection_id=CONNECTION_ID)),
)
step("list connections", lambda: client.connections.list_connections(request=api.ListConnectionsRequest()))
step("sync", synced)
step("cancel", cancelled)
step(
    "list jobs",
    lambda: check(client.jobs.list_jobs(request=api.ListJobsRequest(connection_id=CONNECTION_ID)).jobs_response),
)
step("a refusal", refused)
