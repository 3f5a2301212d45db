"""Names for pyarrow's classes in signatures: pyarrow ships no types, so the type checker takes each as Any."""

from __future__ import annotations

from typing import Any

Array = Any
"""`pyarrow.Array`"""
ArrowField = Any
"""`pyarrow.Field`"""
BatchReader = Any
"""`pyarrow.RecordBatchReader`"""
DataType = Any
"""`pyarrow.DataType`"""
RecordBatch = Any
"""`pyarrow.RecordBatch`"""
Schema = Any
"""`pyarrow.Schema`"""
Table = Any
"""`pyarrow.Table`"""
