"""See `lotus.embedded`."""

from lotus_server.destinations.arrow import Array, ArrowField, BatchReader, DataType, RecordBatch, Schema

__all__ = ["Array", "ArrowField", "BatchReader", "DataType", "RecordBatch", "Schema"]
