"""Branches as people make them: each one edit that a reviewer has to judge."""

from __future__ import annotations

from tests.review.conftest import FIELDS, FILES, STACK, Branch, Repository, discovered, stream

BRANCHES: dict[str, Branch] = {}


def branch(made: Branch) -> Branch:
    """Registers a branch under its name."""
    BRANCHES[made.__name__.replace("_", "-")] = made
    return made


@branch
def add_a_stream(repository: Repository) -> None:
    """One file more: it is all that it takes."""
    repository.write("streams/shop/refunds.json", "{}")


@branch
def add_a_source(repository: Repository) -> None:
    """A folder with a source and two streams."""
    repository.write(
        "streams/desk/_source.json",
        {"connector": "source-desk", "schedule": "0 0 6 * * ?", "configuration": {"token": {"$secret": "desk_token"}}},
    )
    for name in ("tickets", "agents"):
        repository.write(f"streams/desk/{name}.json", "{}")
        repository.write(f"streams/desk/_discovered/{name}.json", discovered(name))


@branch
def remove_a_source(repository: Repository) -> None:
    """The folder goes, and with it connection and source."""
    for name in FILES:
        if name.startswith("streams/shop/"):
            repository.write(name, None)


@branch
def leave_a_source_out(repository: Repository) -> None:
    """Looks like a setting, deletes like a removal."""
    repository.write("Pulumi.prod.yaml", f"{STACK}  lotus:sources:\n    exclude: [mail]\n")


@branch
def remove_a_stream(repository: Repository) -> None:
    """The stream stops; what landed stays."""
    repository.write("streams/shop/customers.json", None)


@branch
def select_other_fields(repository: Repository) -> None:
    """One column comes, one goes."""
    repository.write("streams/shop/orders.json", stream("id", "updated_at", "created_at"))


@branch
def overwrite_instead_of_append(repository: Repository) -> None:
    """Two words in a file; all files of all days are deleted."""
    repository.edit("streams/shop/orders.json", sync_mode="full_refresh", destination_sync_mode="overwrite")


@branch
def change_the_cursor(repository: Repository) -> None:
    """Rows that change without moving the new cursor are lost."""
    repository.edit("streams/shop/orders.json", cursor_field=["created_at"])
    repository.edit("streams/shop/orders.json", fields__created_at=FIELDS["created_at"])


@branch
def ask_for_a_backfill(repository: Repository) -> None:
    """One stream, once."""
    repository.edit("streams/shop/orders.json", backfill="2026-11-20 totals were null")


@branch
def clear_a_stream(repository: Repository) -> None:
    """A backfill that deletes first: it has a consent of its own."""
    repository.edit("streams/shop/orders.json", backfill={"request": "wrong currency", "mode": "clear", "sync": True})


@branch
def rename_variables_and_start_later(repository: Repository) -> None:
    """lotus-lake's f6ab386: a chore that also moved the date from which everything is read."""
    repository.edit("streams/shop/_source.json", configuration__start_date="2026-01-01")
    repository.edit("streams/shop/_source.json", configuration__password={"$secret": "shop_secret"})
    repository.edit("streams/_destinations/lake.json", configuration__access_key_id={"$secret": "lake_key_id"})


@branch
def land_elsewhere(repository: Repository) -> None:
    """Another folder in the bucket, which sorts before the old one."""
    repository.edit("streams/_destinations/lake.json", configuration__s3_bucket_path="lake")


@branch
def land_as_jsonl(repository: Repository) -> None:
    """Another format beside the old files."""
    repository.edit("streams/_destinations/lake.json", configuration__format={"format_type": "JSONL"})
    repository.edit("streams/_destinations/lake.json", configuration__file_name_pattern="part_{part_number}.jsonl")


@branch
def prefix_a_source(repository: Repository) -> None:
    """Every stream of one source gets another folder."""
    repository.edit("streams/shop/_source.json", connection={"prefix": "eu_"})


@branch
def change_the_connector(repository: Repository) -> None:
    """Another definition: source and connection are made anew, sync state is lost; consented to."""
    repository.edit("streams/mail/_source.json", connector="9da77001-af33-4bcd-be46-6252bf9342b9")
    consents = ["replace connection Mail → Lake", "replace source Mail"]
    repository.write("Pulumi.prod.yaml", f"{STACK}  lotus:confirm: {consents}\n".replace("'", '"'))


@branch
def run_less_often(repository: Repository) -> None:
    """Nothing that landed is touched."""
    repository.edit("streams/shop/_source.json", schedule="0 0 6 * * ?")


@branch
def take_declarations_away(repository: Repository) -> None:
    """A schedule and a selection of fields: Airbyte goes back to the defaults, which stops one and widens the other."""
    repository.edit("streams/shop/_source.json", schedule=None)
    repository.edit("streams/shop/orders.json", fields=None)


@branch
def discover_a_retyped_column(repository: Repository) -> None:
    """No file of ours changes: the source does."""
    fields = {**FIELDS, "total": {"type": "string"}, "note": {"type": "string"}}
    repository.write("streams/shop/_discovered/orders.json", discovered("orders", fields=fields))


@branch
def make_a_mistake(repository: Repository) -> None:
    """A cursor that is no field: nothing would be applied, and nothing is shown as deleted."""
    repository.edit("streams/shop/orders.json", cursor_field=["updated"])
    repository.edit("streams/mail/_source.json", schedule="0 0 6 * * ?")


@branch
def change_nothing_that_counts(repository: Repository) -> None:
    """Words in a README, keys in another order."""
    repository.write("README.md", "A lake.\n")
    repository.write("streams/shop/orders.json", dict(reversed(FILES["streams/shop/orders.json"].items())))
