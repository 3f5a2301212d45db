"""A project whose program is lotus's: files that declare a lake."""

from __future__ import annotations

from typing import Any

import yaml

from lotus.config import Settings, from_stack_file
from lotus.session.session import Session
from tests.support.airbyte import WORKSPACE
from tests.support.project import Project

PROGRAM = "from lotus.program import declare\n\ndeclare()\n"


class Lake(Project):
    """A lake in a folder, with the stack `prod` unless a test says otherwise."""

    def create_lake(self, **settings: Any) -> None:
        """Write the project with the settings of `prod`, such as `{"airbyte:writer": "operator"}`; no stack yet."""
        self.create("lake", PROGRAM)
        config = {"lotus:lake": True, "lotus:workspace": WORKSPACE, **settings}
        self.write("Pulumi.prod.yaml", yaml.safe_dump({"config": config}, allow_unicode=True))

    def confirm(self, *phrases: str, setting: str = "lotus:confirm") -> None:
        """Write the consents into the stack's file, as `pulumi config set` does."""
        content = yaml.safe_load((self.folder / "Pulumi.prod.yaml").read_text())
        content["config"][setting] = list(phrases)
        self.write("Pulumi.prod.yaml", yaml.safe_dump(content, allow_unicode=True))

    def files(self, pattern: str = "streams/**/*") -> set[str]:
        """The files below the folder that fit."""
        return {p.relative_to(self.folder).as_posix() for p in self.folder.glob(pattern) if p.is_file()}

    def session(self, stack: str = "dev", **environment: str) -> Session:
        """A stack as a command opens it; a new one sees the files of now."""
        return Session(self.folder, stack, environment)

    def settings(self, stack: str = "dev") -> Settings:
        """The settings of a stack."""
        return from_stack_file(self.folder, stack, environment={})
