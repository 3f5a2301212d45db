"""What can go wrong with a connector.

ConnectorError                the reason in one sentence, safe to show (secrets removed)
├── ContainerOnlyError        Airbyte publishes it only as a container image
├── InstallError              the package cannot be had
│   └── NoPythonError         no Python on this machine fits it
├── TimedOutError             the command gave no answer in time
└── FailedCommandError        the connector ran and failed; carries its own words
"""

from __future__ import annotations


class ConnectorError(Exception):
    """A connector cannot be installed or run; `reason` is one sentence, `fix` says how to go on.

    `details` holds what the connector printed (scrubbed of secrets), for a log.
    """

    def __init__(self, reason: str, *, fix: str | None = None, details: str = "") -> None:
        super().__init__(f"{reason}; {fix}" if fix else reason)
        self.reason = reason
        self.fix = fix
        self.details = details


class ContainerOnlyError(ConnectorError):
    """Airbyte publishes this connector only as a container image, so it cannot run here."""


class InstallError(ConnectorError):
    """The connector's package, or a Python that fits it, cannot be had on this machine."""


class NoPythonError(InstallError):
    """No Python on this machine is one that the connector runs on."""


class TimedOutError(ConnectorError):
    """The connector gave no answer in time and was stopped."""


class FailedCommandError(ConnectorError):
    """The connector ran and failed; the reason is its own words."""
