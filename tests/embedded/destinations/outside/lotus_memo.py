"""A destination of somebody else: one JSON file a stream."""

import json
import uuid
from pathlib import Path

from pydantic import Field

from lotus.embedded.destinations import Destination, DestinationConfiguration


class MemoConfiguration(DestinationConfiguration):
    """Where the memos are."""

    folder: str = Field(title="Folder")


class Memo(Destination[MemoConfiguration]):
    """Stages a file of rows; publishing rewrites the stream's file with them."""

    name = "memo"
    title = "Memo"
    modes = ("append", "overwrite")
    atomic = True
    Configuration = MemoConfiguration

    def _file(self, stream):
        return Path(self.configuration.folder) / f"{stream.name.encode().hex()}.json"

    def check(self):
        Path(self.configuration.folder).mkdir(parents=True, exist_ok=True)

    def stage(self, stream, batches, scratch, note):
        self.check()
        path = Path(self.configuration.folder) / f".{uuid.uuid4().hex}"
        note({"path": str(path)})
        path.write_text(json.dumps([row for batch in batches for row in batch.to_pylist()], default=str))
        return {"path": str(path), "bytes": path.stat().st_size}

    def publish(self, stream, receipts, *, replace):
        self.check()
        file = self._file(stream)
        known = json.loads(file.read_text()) if file.exists() else {"rows": [], "done": []}
        rows = [] if replace and not {each["path"] for each in receipts} & set(known["done"]) else known["rows"]
        for receipt in receipts:
            if receipt["path"] not in known["done"]:
                rows = rows + json.loads(Path(receipt["path"]).read_text())
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps({"rows": rows, "done": [each["path"] for each in receipts]}))
        temporary.replace(file)

    def clean(self, stream, receipts):
        for receipt in receipts:
            Path(receipt["path"]).unlink(missing_ok=True)
