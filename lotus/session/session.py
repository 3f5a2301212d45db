"""What one command works on: a stack of a project, each part loaded once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pulumi_airbyte.api import Airbyte

from lotus.config import Project, Settings
from lotus.config.loading import all_sources, file_settings, stack_project, stack_settings
from lotus.errors import ConfigError, ToolError
from lotus.session import airbyte, preview
from lotus.tools.git import Git


@dataclass(frozen=True)
class Session:
    """A stack of a project, with the environment to work on it.

    Args:
        root: the folder of `Pulumi.yaml`.
        stack: the stack; empty: the files of all sources, with the settings' defaults.
        environment: the variables that a shell has, and over them those of the stack.
    """

    root: Path
    stack: str
    environment: Mapping[str, str] = field(repr=False)

    @cached_property
    def settings(self) -> Settings:
        """The stack's settings.

        Raises:
            FaultsError: they have faults, or the stack has no file.
        """
        if not self.stack:
            return file_settings(self.root, None, environment=self.environment)
        return stack_settings(self.root, self.stack, self.environment)

    @cached_property
    def project(self) -> Project:
        """The lake of the stack, with the values of its references.

        Raises:
            FaultsError: the files or the stack's settings have faults; all of them are in it.
        """
        return stack_project(self.root, self.stack, self.environment)

    @cached_property
    def files(self) -> Project:
        """All sources of the files, also those that the stack leaves out; values are not looked up.

        Raises:
            FaultsError: the stack's settings have faults. Those of the files are in the answer.
        """
        return all_sources(self.root, self.settings)

    @property
    def workspace(self) -> str:
        """The workspace of the stack.

        Raises:
            ConfigError: the stack's file does not say.
        """
        if not self.settings.workspace:
            raise ConfigError(
                "the stack does not name the Airbyte workspace of the lake",
                where=self.settings.file,
                fix="pulumi config set lotus:workspace <id of the workspace>",
                code="LOT075",
            )
        return self.settings.workspace

    @cached_property
    def git(self) -> Git:
        """Git in the project's folder."""
        return Git(self.root)

    def airbyte(self) -> Airbyte:
        """A client of the stack's Airbyte, to be entered with `async with`.

        Raises:
            ConfigError: neither the stack's file nor the environment names a server.
        """
        return airbyte.client(self.root, self.stack, self.environment)

    def preview(self) -> preview.Plan:
        """What `pulumi up --refresh` would do now; a secret without a value here keeps what the state holds.

        Raises:
            FaultsError: the files have faults, so that the program stopped.
            ToolError: pulumi is not installed, or could not plan; its own words are in it.
        """
        environment = {**self.environment, "LOTUS_OFFLINE": "1"}
        try:
            return preview.preview(self.root, self.stack, environment)
        except ToolError:
            stack_project(self.root, self.stack, environment)  # where the files stopped the program, they are the cause
            raise
