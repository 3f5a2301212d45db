"""`lotus streams add --dbt`: a stream's model, its entry among dbt's sources, and the folder that dbt must look into.

Names are lotus-lake's: `int_<source>__<stream>.sql`, `_<source>__sources.yml`, tag `<source>__<stream>`. What is there
is never overwritten; where text cannot be added with certainty, the note says what to add by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from lotus.authoring.files import inside, write
from lotus.config import Connection, Project, Settings
from lotus.config.dbt import DbtProject, find, model_name
from lotus.config.landing import constant_prefix, field_name, is_s3
from lotus.config.landing import folder as landing_folder
from lotus.config.references import reference
from lotus.errors import ConfigError
from lotus.untyped import as_list, as_mapping, is_mapping


@dataclass(slots=True)
class Models:
    """What was written for dbt, and what is left to do."""

    files: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


def dbt_project(root: Path) -> DbtProject:
    """The project's one dbt project.

    Raises:
        ConfigError: there is none, or there are several.
    """
    projects = find(root)
    if len(projects) != 1:
        files = ", ".join(project.file for project in projects)
        raise ConfigError(
            f"there are several dbt projects: {files}" if files else "there is no dbt project",
            where=str(root),
            fix="add the model by hand" if files else "dbt init, or omit --dbt",
        )
    return projects[0]


def add_model(
    root: Path,
    settings: Settings,
    files: Project,
    connection: Connection,
    stream: str,
    fields: Iterable[str],
    *,
    namespace: str,
) -> Models:
    """Writes what dbt lacks for a stream; `namespace` is the one that it has in its source.

    Raises:
        ConfigError: there is no dbt project, or several.
    """
    project = dbt_project(root)
    models = Models()
    name = model_name(connection.name, stream)
    location = _external_location(settings, files, connection, stream, namespace)
    folder = _model_folder(project, files, connection.name)
    if name in project.models:
        folder = project.models[name].parent
    else:
        path = folder / f"{name}.sql"
        write(root, path, _model(connection.name, stream, fields))
        models.files.append(path.relative_to(root).as_posix())
    if (connection.name, stream) not in project.tables:
        _add_table(root, folder / f"_{connection.name}__sources.yml", connection.name, stream, location, models)
        if "<" in location:
            models.notes.append(
                "the bucket differs per stack: replace <…> with its name, or choose a stack with --stack"
            )
    _add_model_path(root, project, folder, models)
    return models


def _model_folder(project: DbtProject, files: Project, source: str) -> Path:
    """Beside the models of the other sources, else below a folder called processed."""
    names = {other.name for other in files.sources} | {source}
    homes = [PurePosixPath(p).parent for p in project.model_paths if PurePosixPath(p).name in names]
    homes += [
        home.relative_to(project.folder)
        for path in project.models.values()
        if path.stem.startswith("int_") and (home := path.parent.parent) and path.parent.name in names
    ]
    homes += [PurePosixPath(p) for p in project.model_paths if PurePosixPath(p).name == "processed"]
    homes += [PurePosixPath(project.model_paths[0] if project.model_paths else "models") / "processed"]
    return project.folder / homes[0] / source


def _model(source: str, stream: str, fields: Iterable[str]) -> str:
    columns = ",\n".join(f'    "{field_name(name)}"' for name in fields)
    # What S608 fears is what this is for: SQL out of names, which come from the project's own files.
    return f"""-- The landed rows of {source}/{stream}. A run may name files: dbt run --select tag:{source}__{stream}
-- --vars '{{"files": ["s3://…/part_0.parquet"]}}'; without them it reads all that landed.
{{{{ config(tags=["{source}__{stream}"]) }}}}

select
{columns or "    *"}
{{% if var("files", none) %}}
from read_parquet({{{{ var("files") }}}}, union_by_name = true)
{{% else %}}
from {{{{ source("{source}", "{stream}") }}}}
{{% endif %}}
"""  # noqa: S608


def _external_location(settings: Settings, files: Project, connection: Connection, stream: str, namespace: str) -> str:
    """The landed files of a stream as dbt-duckdb's `external_location`; empty where they are no Parquet in S3."""
    destination = files.destination_of(connection)
    configuration = destination.settings.configuration
    if not is_s3(destination.settings.connector):
        return ""

    def text(key: str) -> str:
        value = configuration.get(key)
        referenced = reference(value)
        if referenced and referenced[0] == "$config":
            setting = settings.values.config(str(referenced[1]))
            return str(setting.value) if setting else f"<{referenced[1]}>"
        return str(value or "")

    path = landing_folder(
        {**configuration, "s3_bucket_path": text("s3_bucket_path")},
        connection.namespace_for(namespace),
        (connection.settings.prefix or "") + stream,
    )
    prefix = constant_prefix(path).lstrip("/")
    return f"read_parquet('s3://{text('s3_bucket_name')}/{prefix}**/*.parquet', union_by_name = true)"


def _add_table(root: Path, path: Path, source: str, stream: str, location: str, models: Models) -> None:
    table: dict[str, Any] = {"name": stream}
    if location:
        table["meta"] = {"external_location": location}
    name = path.relative_to(root).as_posix()
    if not path.exists():
        content = {"version": 2, "sources": [{"name": source, "tables": [table]}]}
        write(root, path, _yaml_text(content))
        models.files.append(name)
        return
    before = path.read_text(encoding="utf-8")
    after = _with_table(before, source, table)
    if after is None:
        models.notes.append(f"add table {stream} of source {source} to {name} by hand")
        return
    write(root, path, after)
    models.files.append(name)


def _yaml_text(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)


def _with_table(text: str, source: str, table: dict[str, Any]) -> str | None:
    """The sources file with one more table, all else as it is; None where that is not certain to come out right."""
    try:
        document: Any = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    position = next((i for i, entry in enumerate(_sources(document)) if entry.get("name") == source), None)
    if position is None:
        return None
    tables = _child(_items(_child(node, "sources"))[position], "tables")
    if not isinstance(tables, yaml.SequenceNode) or tables.flow_style or not tables.value:
        return None
    indent = " " * (tables.start_mark.column)
    lines = text.splitlines(keepends=True)
    end = _end_of_block(lines, tables.value[-1].end_mark, indent)
    added = "".join(indent + line for line in _yaml_text([table]).splitlines(keepends=True))
    head = "".join(lines[:end])
    after = (head if head.endswith("\n") else head + "\n") + added + "".join(lines[end:])
    expected: Any = yaml.safe_load(text)
    _sources(expected)[position]["tables"].append(table)
    return after if _loads_as(after, expected) else None


def _end_of_block(lines: Sequence[str], end_mark: yaml.Mark, indent: str) -> int:
    """The number of lines up to the block's last one."""
    end = end_mark.line if end_mark.column == 0 else end_mark.line + 1
    end = min(end, len(lines))
    # YAML puts the end mark where the next node begins: comments and empty lines before that are not the block's.
    while end and (
        not lines[end - 1].strip() or not lines[end - 1].startswith(indent) or lines[end - 1].lstrip().startswith("#")
    ):
        end -= 1
    return end


def _add_model_path(root: Path, project: DbtProject, folder: Path, models: Models) -> None:
    path_name = folder.relative_to(project.folder).as_posix()
    if any(path_name == p or path_name.startswith(f"{p}/") or p in (".", "") for p in project.model_paths):
        return
    path = inside(root, root / project.file)
    text = path.read_text(encoding="utf-8")
    after = _with_model_path(text, path_name)
    if after is None:
        models.notes.append(f"add {path_name} to model-paths in {project.file} by hand")
        return
    write(root, path, after)
    models.files.append(project.file)


def _with_model_path(text: str, path_name: str) -> str | None:
    try:
        expected: Any = yaml.safe_load(text)
        node = _child(yaml.compose(text, Loader=yaml.SafeLoader), "model-paths")
    except yaml.YAMLError:
        return None
    if not is_mapping(expected):
        return None
    if node is None:
        after = f"{text.rstrip()}\n\nmodel-paths: [models, {path_name}]\n"
        expected["model-paths"] = ["models", path_name]
    elif isinstance(node, yaml.SequenceNode) and node.flow_style:
        end = node.end_mark.index - 1
        between = ", " if node.value else ""
        after = f"{text[:end].rstrip().removesuffix(',')}{between}{_quoted(text, path_name)}{text[end:]}"
        expected["model-paths"].append(path_name)
    elif isinstance(node, yaml.SequenceNode) and node.value:
        last = node.value[-1].end_mark.index
        line_end = text.find("\n", last)
        line_end = len(text) if line_end < 0 else line_end
        item = f"\n{' ' * node.start_mark.column}- {_quoted(text, path_name)}"
        after = text[:line_end] + item + text[line_end:]
        expected["model-paths"].append(path_name)
    else:
        return None
    return after if _loads_as(after, expected) else None


def _quoted(text: str, value: str) -> str:
    return f'"{value}"' if '"' in text else value


def _loads_as(text: str, expected: Any) -> bool:
    try:
        return yaml.safe_load(text) == expected
    except yaml.YAMLError:
        return False


def _sources(document: Any) -> list[dict[str, Any]]:
    return as_list(as_mapping(document).get("sources"))


def _child(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _items(node: Any) -> list[Any]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
