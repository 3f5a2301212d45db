"""The one user, its permissions, and the applications that get access tokens."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from lotus_server.store.database import now
from lotus_server.store.encryption import Cipher
from lotus_server.store.rows import columns_of, row_as, rows_as
from lotus_server.store.schema import applications, permissions, users
from lotus_server.store.workspaces import DEFAULT_ORGANIZATION_ID

DEFAULT_USER_ID = "00000000-0000-0000-0000-000000000000"
"""The user that everybody on this machine is (docs/airbyte-behaviour.md#the-default-organization)."""


@dataclass(frozen=True)
class User:
    """A person."""

    id: str
    name: str
    email: str
    status: str


@dataclass(frozen=True)
class Permission:
    """What a user may do with a workspace, an organization, or (with neither) everything."""

    id: str
    user_id: str
    workspace_id: str | None
    organization_id: str | None
    permission_type: str
    created_at: int


@dataclass(frozen=True)
class Application:
    """Client credentials, exchanged for access tokens."""

    id: str
    user_id: str
    name: str
    client_id: str
    client_secret: str = field(repr=False)
    created_at: int


def seed_access(db: Connection, cipher: Cipher, *, client_id: str | None, client_secret: str | None) -> None:
    """Makes the user and its permission; keeps the given client credentials as the application "lotus"."""
    if user(db, DEFAULT_USER_ID) is None:
        db.execute(insert(users).values(id=DEFAULT_USER_ID, name="lotus", email="lotus@localhost", status="registered"))
        insert_permission(
            db, user_id=DEFAULT_USER_ID, permission_type="organization_admin", organization_id=DEFAULT_ORGANIZATION_ID
        )
    if client_id and client_secret:
        db.execute(delete(applications).where(applications.c.client_id == client_id))
        create_application(db, cipher, name="lotus", client_id=client_id, client_secret=client_secret)


def user(db: Connection, user_id: str) -> User | None:
    """The user."""
    return row_as(User, db, select(users).where(users.c.id == user_id))


def listed_users(db: Connection) -> Sequence[User]:
    """All users by name."""
    return rows_as(User, db, select(users).order_by(users.c.name))


def insert_permission(
    db: Connection,
    *,
    user_id: str,
    permission_type: str,
    workspace_id: str | None = None,
    organization_id: str | None = None,
) -> Permission:
    """A new permission."""
    created = Permission(
        id=str(uuid.uuid4()),
        user_id=user_id,
        workspace_id=workspace_id,
        organization_id=organization_id,
        permission_type=permission_type,
        created_at=now(),
    )
    db.execute(insert(permissions).values(**vars(created)))
    return created


def permission(db: Connection, permission_id: str) -> Permission | None:
    """The permission."""
    return row_as(Permission, db, select(permissions).where(permissions.c.id == permission_id))


def rename_user(db: Connection, user_id: str, name: str) -> None:
    """Sets the user's name."""
    db.execute(update(users).where(users.c.id == user_id).values(name=name))


def listed_permissions(
    db: Connection, *, user_id: str | None = None, organization_id: str | None = None
) -> Sequence[Permission]:
    """Permissions in the order they were made."""
    query = select(permissions).order_by(permissions.c.created_at, permissions.c.id)
    if user_id is not None:
        query = query.where(permissions.c.user_id == user_id)
    if organization_id is not None:
        query = query.where(permissions.c.organization_id == organization_id)
    return rows_as(Permission, db, query)


def change_permission(db: Connection, permission_id: str, permission_type: str) -> None:
    """Sets the type."""
    db.execute(update(permissions).where(permissions.c.id == permission_id).values(permission_type=permission_type))


def remove_permission(db: Connection, permission_id: str) -> None:
    """Deletes the permission."""
    db.execute(delete(permissions).where(permissions.c.id == permission_id))


def create_application(
    db: Connection,
    cipher: Cipher,
    *,
    name: str,
    client_id: str | None = None,
    client_secret: str | None = None,
) -> Application:
    """New client credentials of the one user, made up unless given."""
    created = Application(
        id=str(uuid.uuid4()),
        user_id=DEFAULT_USER_ID,
        name=name,
        client_id=client_id or str(uuid.uuid4()),
        client_secret=client_secret or secrets.token_hex(32),
        created_at=now(),
    )
    sealed = cipher.seal(created.client_secret, owner=created.id)
    db.execute(insert(applications).values({**vars(created), "client_secret": sealed}))
    return created


def listed_applications(db: Connection, cipher: Cipher) -> Sequence[Application]:
    """All applications in the order they were made."""
    rows = db.execute(select(applications).order_by(applications.c.created_at, applications.c.id)).mappings()
    return [_opened(columns_of(row), cipher) for row in rows]


def application(db: Connection, cipher: Cipher, application_id: str) -> Application | None:
    """The application."""
    return next((candidate for candidate in listed_applications(db, cipher) if candidate.id == application_id), None)


def application_of_client(db: Connection, cipher: Cipher, client_id: str) -> Application | None:
    """The application with this client id."""
    return next((candidate for candidate in listed_applications(db, cipher) if candidate.client_id == client_id), None)


def remove_application(db: Connection, application_id: str) -> None:
    """Deletes the application; its access tokens end with it."""
    db.execute(delete(applications).where(applications.c.id == application_id))


def _opened(values: dict[str, Any], cipher: Cipher) -> Application:
    return Application(**{**values, "client_secret": cipher.open(values["client_secret"], owner=values["id"])})
