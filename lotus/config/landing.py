"""Where records land: path variables of destination-s3, and names as it normalises them.

The rules are in docs/airbyte-behaviour.md#paths-and-file-names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from lotus.config.document import Document, Pointer
from lotus.config.faults import Fault, choose
from lotus.config.references import reference

PATH_VARIABLES = (
    "NAMESPACE",
    "STREAM_NAME",
    "YEAR",
    "MONTH",
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "MILLISECOND",
    "EPOCH",
    "UUID",
)
FILE_VARIABLES = ("date", "date:yyyy_MM", "timestamp", "part_number", "sync_id", "format_extension")
DEFAULT_PATH_FORMAT = "${NAMESPACE}/${STREAM_NAME}/${YEAR}_${MONTH}_${DAY}_${EPOCH}_"
HIVE = "${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/"

_PATH_CHARACTER = re.compile(r"[^A-Za-z0-9/!_.*')(&$@=;:+,?-]")
_S3_DEFINITION = "4816b78f-1489-44c1-9060-4b19d5fa9362"


def is_s3(connector: str) -> bool:
    """Whether a destination's connector is Airbyte's S3 destination, whose paths are known."""
    return connector in ("destination-s3", _S3_DEFINITION) or connector.startswith("airbyte-destination-s3")


def field_name(name: str) -> str:
    """A field's column name in Parquet and Avro: marks stripped, `[A-Za-z0-9_]` kept, a leading digit gets `_`."""
    if name.isascii() and name.isidentifier():
        return name
    text = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    text = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return f"_{text}" if text[:1].isdigit() else text


def path_name(name: str) -> str:
    """A namespace or stream name as it is in an S3 key; a folder of dots alone would lead out of its path."""
    text = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.category(c).startswith("M"))
    text = _PATH_CHARACTER.sub("_", text)
    return "/".join("_" * len(part) if part and not part.strip(".") else part for part in text.split("/"))


def folder(configuration: Mapping[str, Any], namespace: str, stream: str) -> str:
    """The constant beginning of the keys of a stream: up to the first variable that is not its name."""
    values = {"NAMESPACE": path_name(namespace), "STREAM_NAME": path_name(stream)}
    text = re.sub(r"\$\{(NAMESPACE|STREAM_NAME)\}", lambda m: values[m.group(1)], key_format(configuration))
    return re.sub(r"/+", "/", text)


def constant_prefix(path: str) -> str:
    """The folder of all keys of a path format."""
    text = path.split("${", 1)[0]
    return text[: text.rfind("/") + 1]


def key_format(configuration: Mapping[str, Any]) -> str:
    """The path format of a destination for files, from the bucket's root on, with all its variables."""
    if "destination_path" in configuration:
        path = configuration.get("path_format")
        return path if isinstance(path, str) and path else DEFAULT_PATH_FORMAT
    bucket_path, path = configuration.get("s3_bucket_path"), configuration.get("s3_path_format")
    text = f"{bucket_path if isinstance(bucket_path, str) else '<s3_bucket_path>'}/"
    return text + (path if isinstance(path, str) and path else DEFAULT_PATH_FORMAT)


def check_paths(document: Document, configuration: Mapping[str, Any], faults: list[Fault], hints: list[Fault]) -> None:
    """Faults and hints of an S3 destination's paths, file names and endpoint."""
    for key in ("s3_bucket_path", "s3_path_format"):
        value = configuration.get(key)
        if isinstance(value, str):
            _check_variables(document, value, ("configuration", key), faults)
    path = configuration.get("s3_path_format")
    if isinstance(path, str) and path:
        _check_path(document, path, faults, hints)
    pattern = configuration.get("file_name_pattern")
    if isinstance(pattern, str) and pattern:
        _check_file_names(document, pattern, faults, hints)
    endpoint = configuration.get("s3_endpoint")
    if isinstance(endpoint, str) and endpoint and not re.match(r"https?://", endpoint):
        message = f's3_endpoint "{endpoint}" does not say http:// or https://'
        fix = f'write "https://{endpoint}" (http:// inside a cluster)'
        hints.append(document.fault("LOT066", message, ("configuration", "s3_endpoint"), fix=fix, severity="hint"))
    bucket = configuration.get("s3_bucket_name")
    if isinstance(bucket, str) and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        message = f's3_bucket_name "{bucket[:80]}" is not a bucket name'
        fix = "3 to 63 lower-case letters, digits, dots and dashes; no s3://, no path"
        faults.append(document.fault("LOT065", message, ("configuration", "s3_bucket_name"), fix=fix))


def _check_variables(document: Document, value: str, pointer: Pointer, faults: list[Fault]) -> None:
    for name in re.findall(r"\$\{([^}]*)\}", value):
        if name not in PATH_VARIABLES:
            fix, allowed, near = choose(name, PATH_VARIABLES)
            message = f'"${{{name}}}" is not a path variable, and would be in every key as it is written'
            faults.append(document.fault("LOT060", message, pointer, fix=fix, allowed=allowed, nearest=near))
    stray = re.search(r"\$\{[^}]*$|\$(?!\{)[A-Z_]{3,}|(?<!\$)\{[A-Z_]{3,}\}", value)
    if stray:
        message = f'"{stray.group()[:30]}" looks like a variable, and would be in every key as it is written'
        faults.append(document.fault("LOT060", message, pointer, fix="path variables are written ${YEAR}"))


def _check_path(document: Document, path: str, faults: list[Fault], hints: list[Fault]) -> None:
    pointer: Pointer = ("configuration", "s3_path_format")
    if "${STREAM_NAME}" not in path:
        message = "s3_path_format lacks ${STREAM_NAME}: all streams of a connection would land in one folder"
        faults.append(document.fault("LOT064", message, pointer, fix=f"write {HIVE}"))
    if "${NAMESPACE}" not in path:
        message = "s3_path_format lacks ${NAMESPACE}: streams of the same name in two sources would mix"
        hints.append(document.fault("LOT064", message, pointer, fix=f"write {HIVE}", severity="hint"))
    if not path.endswith(("/", "_", "-")):
        last = path.rsplit("/", 1)[-1]
        message = f's3_path_format has no "/" at its end, so that "{last}" becomes the beginning of every file name'
        faults.append(document.fault("LOT061", message, pointer, fix=f'write "{path}/"'))
    if "=" in path and not re.search(r"year=\$\{YEAR\}/month=\$\{MONTH\}/day=\$\{DAY\}", path):
        message = "the path is partly in Hive's form (key=value), but not year=/month=/day= in this order"
        fix = "downstream readers sort by year=${YEAR}/month=${MONTH}/day=${DAY}/"
        hints.append(document.fault("LOT063", message, pointer, fix=fix, severity="hint"))


def _check_file_names(document: Document, pattern: str, faults: list[Fault], hints: list[Fault]) -> None:
    pointer: Pointer = ("configuration", "file_name_pattern")
    for name in re.findall(r"\{([^}]*)\}", pattern):
        if name not in FILE_VARIABLES:
            fix, allowed, near = choose(name, FILE_VARIABLES)
            message = f'"{{{name}}}" is not a file-name variable, and would be in every name as it is written'
            faults.append(document.fault("LOT062", message, pointer, fix=fix, allowed=allowed, nearest=near))
    if not re.search(r"\{(part_number|timestamp)\}", pattern):
        message = (
            "file_name_pattern has neither {part_number} nor {timestamp}: a second file gets the name of the first"
        )
        faults.append(document.fault("LOT062", message, pointer, fix='write "part_{part_number}.parquet"'))
    if "/" in pattern:
        message = 'file_name_pattern holds a "/"'
        faults.append(document.fault("LOT062", message, pointer, fix="put folders into s3_path_format"))
    if not re.search(r"\{format_extension\}|\.[a-z]+(\.gz)?$", pattern):
        message = "file_name_pattern gives files no extension, so that many readers do not find them"
        fix = f'write "{pattern}{{format_extension}}"'
        hints.append(document.fault("LOT062", message, pointer, fix=fix, severity="hint"))


def literal(configuration: Mapping[str, Any], key: str) -> str:
    """A setting's text, or an empty one where it is a reference or absent."""
    value = configuration.get(key)
    return "" if reference(value) or not isinstance(value, str) else value


def postgres_name(name: str) -> str:
    """A stream's or namespace's name as Airbyte's destination-postgres writes it: the end of long ones is a number."""
    plain = field_name(re.sub(r"\s+", "_", name)) or "_"
    if len(plain) <= 63:
        return plain
    value = 0
    for character in plain:
        value = (31 * value + ord(character)) & 0xFFFFFFFF
    # As Java's String.hashCode(), which is signed.
    return f"{plain[:54]}_{str(value - (1 << 32) if value >= 1 << 31 else value)[-8:]}"
