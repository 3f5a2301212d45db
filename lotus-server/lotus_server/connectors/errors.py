"""What can go wrong with a connector.

ConnectorError                the reason in one sentence, safe to show (secrets removed)
├── ContainerOnlyError        Airbyte publishes it only as a container image
├── InstallError              the package is not available
│   ├── NoPackageError        the index has no such package, or no such version
│   ├── DependencyError       a version that it depends on does not exist, or contradicts another
│   ├── PythonRangeError      it does not run on the Python that was tried
│   ├── NoPythonError         no Python on this machine fits it
│   └── UnreachableIndexError the package index does not answer, or its certificate is not trusted
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
    """The connector's package, or a Python that fits it, is not available on this machine."""


class NoPackageError(InstallError):
    """The package index has no such package, or no such version of it."""


class DependencyError(InstallError):
    """No set of versions fits what the package depends on; the reason is the resolver's own sentence."""


class PythonRangeError(InstallError):
    """The package does not run on the Python that was tried; `versions` is the range that it asks for."""

    def __init__(self, reason: str, *, details: str = "", versions: str = "") -> None:
        super().__init__(reason, details=details)
        self.versions = versions


class NoPythonError(InstallError):
    """No Python on this machine is one that the connector runs on."""


class UnreachableIndexError(InstallError):
    """The package index does not answer, or its certificate is not trusted."""


class TimedOutError(ConnectorError):
    """The connector gave no answer in time and was stopped."""


class FailedCommandError(ConnectorError):
    """The connector ran and failed; the reason is its own words."""
