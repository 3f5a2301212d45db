"""dlt as its documentation has it: a generator of dict rows into Parquet files. `dlt_rows.py SOURCE URL FOLDER`."""

import json
import subprocess
import sys

import dlt

source, url, folder = sys.argv[1:4]


@dlt.resource(name="records")
def records():
    with subprocess.Popen(["cat", source], stdout=subprocess.PIPE) as process:
        batches = {}
        for line in process.stdout:
            message = json.loads(line)
            if message["type"] != "RECORD":
                continue
            record = message["record"]
            batch = batches.setdefault(record["stream"], [])
            batch.append(record["data"])
            if len(batch) == 1000:
                yield dlt.mark.with_table_name(batches.pop(record["stream"]), record["stream"])
        for stream, batch in batches.items():
            yield dlt.mark.with_table_name(batch, stream)


pipeline = dlt.pipeline("bench", destination=dlt.destinations.filesystem(bucket_url=url), pipelines_dir=folder)
pipeline.run(records(), loader_file_format="parquet")
