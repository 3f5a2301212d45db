"""What the provider tells the engine when something cannot be done.

ProviderError       one sentence; nothing was changed, or it is not known to have been
└── PartialError    the object exists, but something after that failed: its id is kept, the next `up` goes on from there
"""

from __future__ import annotations

from .values import Values


class ProviderError(Exception):
    """A sentence for the user: what, why in Airbyte's words, how to go on."""


class PartialError(ProviderError):
    """A failure after the object exists."""

    def __init__(self, message: str, *, resource_id: str, outputs: Values, inputs: Values) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.outputs = outputs
        self.inputs = inputs
