"""A stream's mappers as its file has them: Airbyte's own words, one object for each step, in order."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr, StringConstraints
from pydantic.alias_generators import to_camel

from lotus.config.references import NAME

NonEmpty = Annotated[StrictStr, StringConstraints(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, alias_generator=to_camel)


class SecretReference(_Strict):
    """The name of a secret, whose value is never in a file."""

    secret: Annotated[StrictStr, StringConstraints(pattern=f"^{NAME.pattern}$")] = Field(alias="$secret")


class Hashing(_Strict):
    """The field is replaced by its hash, in a column with the suffix."""

    type: Literal["hashing"]
    target_field: NonEmpty = Field(description="A top-level field.")
    method: Literal["MD2", "MD5", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"]
    field_name_suffix: StrictStr = Field(description="Behind the field's name; may be empty.")


class FieldRenaming(_Strict):
    """The field lands under another name."""

    type: Literal["field-renaming"]
    original_field_name: NonEmpty
    new_field_name: NonEmpty


class FieldFiltering(_Strict):
    """The field does not land."""

    type: Literal["field-filtering"]
    target_field: NonEmpty


class Equal(_Strict):
    """Rows whose field has this value."""

    type: Literal["EQUAL"]
    field_name: NonEmpty
    comparison_value: StrictStr


class Not(_Strict):
    """Rows that fit none of the conditions."""

    type: Literal["NOT"]
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]


Condition = Annotated[Equal | Not, Field(discriminator="type")]


class RowFiltering(_Strict):
    """Only rows that fit the condition land."""

    type: Literal["row-filtering"]
    conditions: Condition


class AesEncryption(_Strict):
    """The field is encrypted by a secret key, in a column with the suffix."""

    type: Literal["encryption"]
    algorithm: Literal["AES"]
    target_field: NonEmpty
    field_name_suffix: StrictStr = Field(description="Behind the field's name; may be empty.")
    key: SecretReference = Field(description="16, 24 or 32 bytes, hexadecimal.")
    mode: Literal["CBC", "CFB", "OFB", "CTR", "GCM", "ECB"]
    padding: Literal["NoPadding", "PKCS5Padding"]


class RsaEncryption(_Strict):
    """The field is encrypted for the owner of a public key, in a column with the suffix."""

    type: Literal["encryption"]
    algorithm: Literal["RSA"]
    target_field: NonEmpty
    field_name_suffix: StrictStr = Field(description="Behind the field's name; may be empty.")
    public_key: NonEmpty = Field(description="X.509 in DER, hexadecimal.")


Encryption = Annotated[AesEncryption | RsaEncryption, Field(discriminator="algorithm")]
Mapper = Annotated[
    Hashing | FieldRenaming | FieldFiltering | RowFiltering | Encryption,
    Field(discriminator="type"),
]
AnyMapper = Hashing | FieldRenaming | FieldFiltering | RowFiltering | AesEncryption | RsaEncryption


def configuration_of(mapper: AnyMapper) -> dict[str, Any]:
    """A mapper's `mapperConfiguration` in Airbyte's API; a secret stays a reference."""
    return mapper.model_dump(by_alias=True, mode="json", exclude={"type"})


def renamed_field(mapper: AnyMapper) -> tuple[str, str | None] | None:
    """The field that a mapper takes away, and the one that lands in its place (None: none does); None for rows."""
    match mapper:
        case FieldRenaming():
            return mapper.original_field_name, mapper.new_field_name
        case FieldFiltering():
            return mapper.target_field, None
        case Hashing() | AesEncryption() | RsaEncryption():
            return mapper.target_field, f"{mapper.target_field}{mapper.field_name_suffix}"
        case RowFiltering():
            return None


def compared_fields(condition: Equal | Not) -> list[str]:
    """The fields that a row filter looks at."""
    if isinstance(condition, Equal):
        return [condition.field_name]
    return [name for inner in condition.conditions for name in compared_fields(inner)]
