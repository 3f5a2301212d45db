"""`lotus streams add --dbt`: a stream's model, its entry among dbt's sources, and the folder that dbt must look into.

Names are lotus-lake's: `int_<source>__<stream>.sql`, `_<source>__sources.yml`, tag `<source>__<stream>`. What is there
is never overwritten; where text cannot be added with certainty, the note says what to add by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast

import yaml

from lotus.config import Project, Settings, Source
from lotus.config.dbt import DbtProject, find, model_name
from lotus.config.landing import field_name, is_s3
from lotus.config.landing import folder as landing_folder
from lotus.config.references import reference
from lotus.errors import ConfigError
from lotus.operations.files import inside, write


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
        found = ", ".join(project.file for project in projects)
        raise ConfigError(
            f"there are several dbt projects: {found}" if found else "there is no dbt project",
            where=str(root),
            fix="add the model by hand" if found else "dbt init, or leave --dbt out",
        )
    return projects[0]


def add_model(
    root: Path, settings: Settings, files: Project, source: Source, stream: str, fields: Iterable[str]
) -> Models:
    """Writes what dbt lacks for a stream.

    Raises:
        ConfigError: there is no dbt project, or several.
    """
    project = dbt_project(root)
    made = Models()
    name = model_name(source.name, stream)
    where = _where(settings, files, source, stream)
    folder = _model_folder(project, files, source.name)
    if name in project.models:
        folder = project.models[name].parent
    else:
        path = folder / f"{name}.sql"
        write(root, path, _model(source.name, stream, fields))
        made.files.append(path.relative_to(root).as_posix())
    if (source.name, stream) not in project.tables:
        _add_table(root, folder / f"_{source.name}__sources.yml", source.name, stream, where, made)
        if "<" in where:
            made.notes.append(
                "the bucket differs per stack: put its name in place of <…>, or say which stack (--stack)"
            )
    _add_model_path(root, project, folder, made)
    return made


def _model_folder(project: DbtProject, files: Project, source: str) -> Path:
    """Beside the models of the other sources, else below a folder called processed."""
    names = {one.name for one in files.sources} | {source}
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


def _where(settings: Settings, files: Project, source: Source, stream: str) -> str:
    """The landed files of a stream as dbt-duckdb's `external_location`; empty where they are no Parquet in S3."""
    destination = files.destination(source.destination)
    configuration = destination.settings.configuration
    if not is_s3(destination.settings.connector):
        return ""

    def text(key: str) -> str:
        value = configuration.get(key)
        named = reference(value)
        if named and named[0] == "$config":
            held = settings.values.config(str(named[1]))
            return str(held.value) if held else f"<{named[1]}>"
        return str(value or "")

    options = source.settings.connection
    namespace = options.namespace_format or source.name
    path = landing_folder(
        {**configuration, "s3_bucket_path": text("s3_bucket_path")}, namespace, (options.prefix or "") + stream
    )
    prefix = path.split("${", 1)[0].lstrip("/")
    prefix = prefix[: prefix.rfind("/") + 1]
    return f"read_parquet('s3://{text('s3_bucket_name')}/{prefix}**/*.parquet', union_by_name = true)"


def _add_table(root: Path, path: Path, source: str, stream: str, where: str, made: Models) -> None:
    table: dict[str, Any] = {"name": stream}
    if where:
        table["meta"] = {"external_location": where}
    name = path.relative_to(root).as_posix()
    if not path.exists():
        content = {"version": 2, "sources": [{"name": source, "tables": [table]}]}
        write(root, path, _yaml_text(content))
        made.files.append(name)
        return
    before = path.read_text(encoding="utf-8")
    after = _with_table(before, source, table)
    if after is None:
        made.notes.append(f"add table {stream} of source {source} to {name} by hand")
        return
    write(root, path, after)
    made.files.append(name)


def _yaml_text(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000)


def _with_table(text: str, source: str, table: dict[str, Any]) -> str | None:
    """The sources file with one more table, all else as it is; None where that is not certain to come out right."""
    try:
        document: Any = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    position = next((i for i, one in enumerate(_sources(document)) if one.get("name") == source), None)
    if position is None:
        return None
    tables = _child(_items(_child(node, "sources"))[position], "tables")
    if not isinstance(tables, yaml.SequenceNode) or tables.flow_style or not tables.value:
        return None
    indent = " " * (tables.start_mark.column)
    lines = text.splitlines(keepends=True)
    end = (
        tables.value[-1].end_mark.line if tables.value[-1].end_mark.column == 0 else tables.value[-1].end_mark.line + 1
    )
    end = min(end, len(lines))
    # A block's end mark stands where the next thing begins: comments and empty lines before that are not the table's.
    while end and (
        not lines[end - 1].strip() or not lines[end - 1].startswith(indent) or lines[end - 1].lstrip().startswith("#")
    ):
        end -= 1
    added = "".join(indent + line for line in _yaml_text([table]).splitlines(keepends=True))
    head = "".join(lines[:end])
    after = (head if head.endswith("\n") else head + "\n") + added + "".join(lines[end:])
    expected: Any = yaml.safe_load(text)
    _sources(expected)[position]["tables"].append(table)
    return after if _loads_as(after, expected) else None


def _add_model_path(root: Path, project: DbtProject, folder: Path, made: Models) -> None:
    wanted = folder.relative_to(project.folder).as_posix()
    if any(wanted == p or wanted.startswith(f"{p}/") or p in (".", "") for p in project.model_paths):
        return
    path = inside(root, root / project.file)
    text = path.read_text(encoding="utf-8")
    after = _with_model_path(text, wanted)
    if after is None:
        made.notes.append(f"add {wanted} to model-paths in {project.file} by hand")
        return
    write(root, path, after)
    made.files.append(project.file)


def _with_model_path(text: str, wanted: str) -> str | None:
    try:
        expected: Any = yaml.safe_load(text)
        node = _child(yaml.compose(text, Loader=yaml.SafeLoader), "model-paths")
    except yaml.YAMLError:
        return None
    if not isinstance(expected, dict):
        return None
    settings = cast("dict[str, Any]", expected)
    if node is None:
        after = f"{text.rstrip()}\n\nmodel-paths: [models, {wanted}]\n"
        settings["model-paths"] = ["models", wanted]
    elif isinstance(node, yaml.SequenceNode) and node.flow_style:
        end = node.end_mark.index - 1
        between = ", " if node.value else ""
        after = f"{text[:end].rstrip().removesuffix(',')}{between}{_quoted(text, wanted)}{text[end:]}"
        settings["model-paths"].append(wanted)
    elif isinstance(node, yaml.SequenceNode) and node.value:
        last = node.value[-1].end_mark.index
        line_end = text.find("\n", last)
        line_end = len(text) if line_end < 0 else line_end
        item = f"\n{' ' * node.start_mark.column}- {_quoted(text, wanted)}"
        after = text[:line_end] + item + text[line_end:]
        settings["model-paths"].append(wanted)
    else:
        return None
    return after if _loads_as(after, settings) else None


def _quoted(text: str, value: str) -> str:
    return f'"{value}"' if '"' in text else value


def _loads_as(text: str, expected: Any) -> bool:
    try:
        return yaml.safe_load(text) == expected
    except yaml.YAMLError:
        return False


def _sources(document: Any) -> list[dict[str, Any]]:
    found: Any = cast("dict[str, Any]", document).get("sources") if isinstance(document, dict) else None
    return cast("list[dict[str, Any]]", found) if isinstance(found, list) else []


def _child(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _items(node: Any) -> list[Any]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
