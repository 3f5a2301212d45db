"""docs/files.md says what the models say."""

from __future__ import annotations

from tests.files_page import PAGE, TABLES, keys, written


def test_the_tables_of_keys_are_those_of_the_models() -> None:
    """python -m tests.files_page writes them."""
    assert PAGE.read_text(encoding="utf-8") == written()


def test_every_table_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert all(f"<!-- keys of {name} -->" in text for name in TABLES)


def test_every_key_is_described() -> None:
    """The description is in the page and in the editor."""
    models = [model for name, models in TABLES.items() if name != "mappers" for model in models]

    assert [f"{model.__name__}.{key}" for model in models for key, field in keys(model) if not field.description] == []
