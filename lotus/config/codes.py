"""Every code that a fault can have, explained: what `lotus explain LOT012` prints. Codes are never reused."""

# ruff: noqa: E501 - a table of prose: broken lines would hide its columns

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means: one sentence, why it matters, and an example of the right form."""

    code: str
    title: str
    why: str
    example: str = ""


_TABLE: tuple[tuple[str, str, str, str], ...] = (
    # Files
    (
        "LOT001",
        "A file or folder cannot be read",
        "It does not exist, is a folder, or its permissions keep this user out. Its content cannot be checked.",
        "ls -l streams/shopify/",
    ),
    (
        "LOT002",
        "A file is not UTF-8 text",
        "Some editors save UTF-16, or put a byte order mark in front. Other readers of the same files (Dagster, jq) stop "
        "there or take the mark for a part of the first key.",
        'save as "UTF-8", without BOM',
    ),
    (
        "LOT003",
        "A file is not JSON",
        "JSON has no comments, no comma after the last entry, double quotes only, and one value per file.",
        '{"stream": "orders", "sync_mode": "incremental"}',
    ),
    (
        "LOT004",
        "A key appears twice in one object",
        "Most readers silently take the last one, so the first has no effect although it was written and reviewed.",
        "",
    ),
    (
        "LOT005",
        "A file is too large or nested too deeply",
        "Stream files describe data; they do not hold it. The limits (4 MB, 64 levels) are far above any real schema.",
        "",
    ),
    (
        "LOT006",
        "A link leads out of the project",
        "What it points to is not in git: a checkout in the cluster or in CI would see another lake, or none.",
        "",
    ),
    (
        "LOT007",
        "Two names differ only in case",
        "On macOS and Windows they are one file, so that a clone there silently lacks one of them.",
        "",
    ),
    (
        "LOT008",
        "A file that is not read",
        "Only <source>/<stream>.json is a stream. Names that start with _ are not streams; other endings are not read.",
        "streams/shopify/orders.json",
    ),
    (
        "LOT009",
        "A name that cannot be used",
        "A source's folder becomes a namespace, a part of paths in the bucket and a name in Pulumi's state.",
        "streams/google-ads/",
    ),
    # Shape
    (
        "LOT010",
        "An unknown key",
        "A misspelt key would have no effect, so lotus reports every key that it does not know.",
        '"cursor_field": ["updated_at"]',
    ),
    (
        "LOT011",
        "A value of the wrong kind",
        "Text, number, list and object are not interchangeable.",
        '"selected": true',
    ),
    (
        "LOT012",
        "A value that is not among the allowed ones",
        "The allowed ones are in the message, with the nearest spelling.",
        '"sync_mode": "incremental"',
    ),
    ("LOT013", "A key is missing", "The file is incomplete without it.", '{"connector": "destination-s3", …}'),
    (
        "LOT014",
        "Keys that contradict each other",
        "Both cannot apply, and lotus does not guess which one is meant.",
        '"connector" or "manifest"',
    ),
    (
        "LOT015",
        "A source without _source.json",
        "The folder has streams for Airbyte, but no file names the connector that reads them.",
        'streams/shopify/_source.json: {"connector": "source-shopify", "configuration": {…}}',
    ),
    (
        "LOT016",
        "A stream and its file have different names",
        "It works, and Airbyte takes the name inside. Dagster takes the file's name, so feeders and sensors go by that.",
        "",
    ),
    ("LOT017", "A source without streams", "It is created in Airbyte without a connection, so it moves no data.", "{}"),
    (
        "LOT018",
        "One stream in two files",
        "Airbyte refuses a stream that is configured twice, and lotus does not guess which file is meant.",
        "",
    ),
    # Discovery
    (
        "LOT020",
        "The source has no such stream",
        "The _discovered folder lists the streams of a source. Airbyte refuses a stream that is not in it.",
        "lotus discover shopify",
    ),
    (
        "LOT021",
        "A mode that is not offered",
        "The stream can only be read in the modes that its source offers, and not every pair of modes exists.",
        "full_refresh with overwrite or append; incremental with append or append_dedup",
    ),
    (
        "LOT022",
        "The cursor is not a field of the stream",
        "An incremental read remembers the largest value of one field. A field that does not exist has none.",
        '"cursor_field": ["updated_at"]',
    ),
    (
        "LOT023",
        "A cursor that cannot advance",
        "A cursor has to grow with every change: times and counters do, true/false, objects and lists do not. With a key "
        "or a creation time as cursor, records that change later are never read again.",
        '"cursor_field": ["updated_at"]',
    ),
    (
        "LOT024",
        "The source defines the cursor",
        "The source decides how it reads incrementally; Airbyte answers 400 to any other cursor. Leave it out.",
        "",
    ),
    (
        "LOT025",
        "An incremental stream without a cursor",
        "Neither the file nor the source names one, so Airbyte cannot tell which records are new.",
        '"cursor_field": ["updated_at"]',
    ),
    ("LOT026", "The key is not a field of the stream", "Deduplication compares keys.", '"primary_key": [["id"]]'),
    (
        "LOT027",
        "The source defines the primary key",
        "Airbyte refuses any other key. Leave it out; the source's key applies.",
        "",
    ),
    (
        "LOT028",
        "Deduplication without a primary key",
        "append_dedup and overwrite_dedup keep one row per key.",
        '"primary_key": [["id"]]',
    ),
    (
        "LOT029",
        "A selected field that the source does not have",
        "Airbyte answers 400. If the field is new in the source, discover again.",
        "lotus discover shopify",
    ),
    (
        "LOT030",
        "Selection inside an object",
        "Airbyte selects top-level fields only: an object lands whole or not at all.",
        '"fields": {"customer": {"type": "object"}}',
    ),
    (
        "LOT031",
        "The selection lacks what the stream needs",
        "The cursor of an incremental stream and the key of a deduplicated one have to be selected.",
        "",
    ),
    (
        "LOT032",
        "A field whose type is not known",
        "Discovery writes `unknown` where the source names no type. Parquet has no such type: the sync may fail, or the "
        "column may become text.",
        "",
    ),
    (
        "LOT033",
        "Two fields become one column",
        "Column names in Parquet keep letters, digits and _ only; everything else becomes _.",
        "",
    ),
    (
        "LOT034",
        "A selected field has another type in its source",
        "Airbyte selects by name: the source's type decides what lands. Readers of the file, such as dbt models, would "
        "expect the wrong one. If the source has changed, check what reads the column.",
        '"fields": {"total": {"type": "number"}}',
    ),
    (
        "LOT035",
        "The source was never discovered",
        "Modes, keys, cursors and fields are not checked until the source is discovered.",
        "lotus discover shopify",
    ),
    (
        "LOT036",
        "A mapper of a field that does not land",
        "Mappers work on top-level fields that are synced, one after the other: what an earlier one renamed has its new name.",
        '"mappers": [{"type": "hashing", "targetField": "email", "method": "SHA-256", "fieldNameSuffix": "_hashed"}]',
    ),
    (
        "LOT037",
        "A mapper makes a field that is there already",
        "Two fields cannot land in one column.",
        '"fieldNameSuffix": "_hashed"',
    ),
    (
        "LOT038",
        "A key that is hashed in one stream only",
        "Rows are joined by equal keys: hashed values equal no clear text, and other hashes neither.",
        "",
    ),
    # Connectors
    (
        "LOT040",
        "Not a connector",
        "A connector is a name of Airbyte's registry, a definition id of your workspace, a PyPI requirement, or one that "
        "several sources share: _connectors/<name>.",
        '"source-shopify", "9da77001-af33-4bcd-be46-6252bf9342b9", "airbyte-source-faker==7.2.1", "_connectors/shop"',
    ),
    (
        "LOT041",
        "The manifest cannot be used",
        "A low-code connector is a YAML file in the source's folder: version, type: DeclarativeSource, check, streams.",
        '"manifest": "_manifest.yaml"',
    ),
    (
        "LOT042",
        "A setting that the connector does not have",
        "Connectors ignore settings that they do not know: a misspelt one silently takes its default.",
        "",
    ),
    (
        "LOT043",
        "A setting with a wrong value",
        "The connector's spec says what is allowed; Airbyte or the connector would refuse it later.",
        "",
    ),
    ("LOT044", "A setting is missing", "The connector's spec requires it.", ""),
    (
        "LOT045",
        "A secret is in a file in plain text",
        "Files are in git, where everybody with access to the repository can read the secret permanently. Use $secret, and rotate it.",
        '{"$secret": "shopify_api_password"}',
    ),
    (
        "LOT046",
        "$config without a value",
        "Set it in the stack's lotus:config, or in the environment as LOTUS_CONFIG_<NAME>.",
        "pulumi config set --path 'lotus:config.shopify_store' store.example.invalid",
    ),
    (
        "LOT047",
        "$secret without a value",
        "Lotus looks in the stack's lotus:secrets, in the folder LOTUS_SECRETS_DIR and in LOTUS_SECRET_<NAME>. For a "
        "preview without secrets, set LOTUS_OFFLINE=1.",
        "pulumi config set --path 'lotus:secrets.shopify_api_password' --secret",
    ),
    (
        "LOT048",
        "A secret with two different values",
        "One of them is stale. Using either could hide a rotation, so lotus uses neither.",
        "",
    ),
    (
        "LOT049",
        "A malformed reference",
        'A reference is an object with one key, "$secret" or "$config", and a name.',
        '{"$config": "shopify_store"}',
    ),
    # Connections
    (
        "LOT050",
        "Not a Quartz cron",
        "Airbyte takes 6 or 7 fields: second (one number), minute, hour, day of month, month, day of week (SUN is 1), year. "
        'One of the two days is "?". Times are UTC.',
        '"0 0 6 * * ?" (daily at 6:00), "0 30 * ? * MON-FRI" (hourly at :30 on working days)',
    ),
    ("LOT051", "A schedule that never runs", "No date from now on matches it, for example February 30.", ""),
    (
        "LOT052",
        "The destination is not clear",
        "With one file in _destinations it is the default. With several, one says that it is, or the source names one.",
        '"destination": "lake", or "default": true in a file of _destinations',
    ),
    (
        "LOT053",
        "A namespace or prefix that does not land as written",
        "Both become part of paths, where characters outside A-Z a-z 0-9 - _ . are replaced, and only ${SOURCE_NAMESPACE} "
        "is a variable.",
        '"namespace_format": "shopify_eu"',
    ),
    (
        "LOT054",
        "The destination has no such mode",
        "S3 can append and overwrite; deduplication needs a database or a table format.",
        '"destination_sync_mode": "append"',
    ),
    (
        "LOT055",
        "Two streams land on one path",
        "Their files would mix, a reader could not tell them apart, and an overwrite would delete the other's.",
        '"connection": {"namespace_format": "shopify_eu"}',
    ),
    (
        "LOT056",
        "The source of a connection is not clear",
        "_connection.json names the folder whose _source.json defines the source; its streams are checked against what was "
        "discovered of that source.",
        'streams/shopify-eu/_connection.json: {"source": "shopify"}',
    ),
    (
        "LOT057",
        "A rename that cannot be one",
        "renamed_from names the folder or file that is gone: what Airbyte has under that name keeps its id and sync state.",
        '"renamed_from": "s09"',
    ),
    (
        "LOT058",
        "A rename without renamed_from",
        "A folder or file that only changes its name is a deletion and a new object for Pulumi, and the sync state is lost. "
        "Once every stack has applied the rename, renamed_from can go.",
        '"renamed_from": "s09"',
    ),
    (
        "LOT059",
        "File transfer",
        "A source that copies files as they are sends no records, so nothing would land below the stream's path.",
        '"delivery_method": {"delivery_type": "use_records_transfer"}',
    ),
    # Destinations
    (
        "LOT060",
        "An unknown path variable",
        "Airbyte leaves unknown variables in the path as they are written.",
        "${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/",
    ),
    (
        "LOT061",
        "A path without a slash at its end",
        "The file's name follows directly: …/day=05part_0.parquet. Hive readers and lotus-lake's feeders do not find that.",
        "…/day=${DAY}/",
    ),
    (
        "LOT062",
        "A file-name pattern that does not work",
        "Without {part_number} or {timestamp} every file of a path has the same name; the second one gets the suffix -1.",
        "part_{part_number}.parquet",
    ),
    (
        "LOT063",
        "A path that is only partly in Hive's form",
        "Readers that know Hive's form take year=/month=/day= in this order, and feeders sort by it.",
        "year=${YEAR}/month=${MONTH}/day=${DAY}/",
    ),
    ("LOT064", "A path that does not tell streams apart", "Records of several streams would share a folder.", ""),
    ("LOT065", "Not the name of a bucket", "3 to 63 lower-case letters, digits, dots and dashes.", "landing"),
    (
        "LOT066",
        "An endpoint without http:// or https://",
        "Clients differ: one adds https, another fails. Write the scheme.",
        '"s3_endpoint": "http://seaweedfs-s3.storage:8333"',
    ),
    # Settings
    ("LOT070", "An unknown setting", "A misspelt setting has no effect.", "lotus:sources"),
    ("LOT071", "A setting of the wrong kind", "What is expected is in the message.", ""),
    ("LOT072", "A setting names something that no file has", "It would have no effect.", "lotus:sources"),
    (
        "LOT073",
        "An override without a file",
        "lotus:overrides is laid over files: `shopify` is its _source.json, `shopify/orders` a stream, "
        "`_destinations/lake` a destination.",
        "lotus:overrides: {shopify: {schedule: 0 0 3 * * ?}}",
    ),
    ("LOT074", "A value that no file uses", "It is a leftover, or the file that should use it misspells the name.", ""),
    (
        "LOT075",
        "The workspace is missing",
        "Sources and destinations belong to one of Airbyte's workspaces; its id is in the address bar of Airbyte's UI.",
        "pulumi config set lotus:workspace <id>",
    ),
    ("LOT076", "No such stack", "A stack has a file Pulumi.<stack>.yaml.", "pulumi stack init prod"),
    (
        "LOT077",
        "An encrypted value in lotus:config",
        "$config values are in previews and in the state in plain text; $secret values are not.",
        '{"$secret": "shopify_api_password"}',
    ),
    (
        "LOT078",
        "The SOPS file cannot be decrypted",
        "lotus:sops names a file whose secrets the program sops decrypts with the keys that this machine has.",
        "lotus:sops: secrets/prod.yaml",
    ),
    (
        "LOT079",
        "An object that cannot be taken over",
        "lotus:adopt has the ids of objects that are in Airbyte, in the stack's workspace, and in no state under another "
        "name.",
        "lotus:adopt: {sources: {shopify: <id>}}",
    ),
    # dbt
    (
        "LOT080",
        "A stream without its dbt model",
        "The project has dbt, and models by the name int_<source>__<stream>; this stream lands but is not processed.",
        "lotus streams add shopify orders --dbt",
    ),
    (
        "LOT081",
        "dbt does not look into the model's folder",
        "dbt builds only what lies below its model-paths, and says nothing about the rest.",
        "model-paths: [processed/shopify]",
    ),
    (
        "LOT082",
        "A stream that is not a table of its source in dbt",
        "Models name their input with source('shopify', 'orders'); dbt refuses a table that no sources file lists.",
        "sources: [{name: shopify, tables: [{name: orders}]}]",
    ),
    # Backfills
    (
        "LOT090",
        "A finished backfill that is still in its file",
        "It ran once and does nothing more. After you remove it, the file shows only pending backfills.",
        "lotus backfill clean",
    ),
    (
        "LOT091",
        "A consent that no pending backfill needs",
        "It covers one request and does nothing more. After you remove it, lotus:confirm shows only pending consents.",
        "pulumi config rm --path 'lotus:confirm[0]'",
    ),
    # State
    (
        "LOT095",
        "State in git",
        "It is out of date after the next apply, and an update from it creates everything a second time. It also holds "
        "every id and the secrets, which anybody who guesses the passphrase can read permanently.",
        "git rm -r --cached .pulumi",
    ),
    (
        "LOT096",
        "A stack that the operator applies, and that names no writer",
        "Without airbyte:writer, only the keys of the bucket keep others from applying this stack.",
        "airbyte:writer: operator",
    ),
)

CODES: dict[str, Explanation] = {code: Explanation(code, title, why, example) for code, title, why, example in _TABLE}
"""All codes, in order."""


def explain(code: str) -> Explanation | None:
    """What a code means (case does not matter, `12` and `LOT12` do), or None if there is no such code."""
    digits = code.strip().upper().removeprefix("LOT")
    return CODES.get(f"LOT{int(digits):03d}") if digits.isdigit() else None
