"""The S3 destination's configuration, typed. Field names and enums are those of its spec (destination-s3)."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict

import pulumi

CompressionCodec = Literal["UNCOMPRESSED", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "SNAPPY"]


class ParquetFormat(TypedDict, total=False):
    """Parquet files; sizes in MB and KB as named."""

    format_type: Required[Literal["Parquet"]]
    compression_codec: pulumi.Input[CompressionCodec]
    block_size_mb: pulumi.Input[int]
    page_size_kb: pulumi.Input[int]
    dictionary_page_size_kb: pulumi.Input[int]
    max_padding_size_mb: pulumi.Input[int]
    dictionary_encoding: pulumi.Input[bool]


class TextCompression(TypedDict):
    """Whether files of text are compressed."""

    compression_type: Literal["GZIP", "No Compression"]


class JsonLinesFormat(TypedDict, total=False):
    """One JSON document a line."""

    format_type: Required[Literal["JSONL"]]
    compression: TextCompression
    flattening: Literal["No flattening", "Root level flattening"]


class CsvFormat(TypedDict, total=False):
    """Comma-separated values."""

    format_type: Required[Literal["CSV"]]
    compression: TextCompression
    flattening: Literal["No flattening", "Root level flattening"]


class AvroFormat(TypedDict):
    """Avro files."""

    format_type: Literal["Avro"]
    compression_codec: dict[str, Any]


class S3DestinationConfiguration(TypedDict, total=False):
    """Configuration of `destinationType: s3`; pass it as `Destination(configuration=…)`."""

    destinationType: Literal["s3"]
    s3_bucket_name: Required[pulumi.Input[str]]
    s3_bucket_path: Required[pulumi.Input[str]]
    s3_bucket_region: Required[pulumi.Input[str]]
    format: Required[ParquetFormat | JsonLinesFormat | CsvFormat | AvroFormat]
    s3_path_format: pulumi.Input[str]
    file_name_pattern: pulumi.Input[str]
    s3_endpoint: pulumi.Input[str]
    access_key_id: pulumi.Input[str]
    secret_access_key: pulumi.Input[str]
    role_arn: pulumi.Input[str]
