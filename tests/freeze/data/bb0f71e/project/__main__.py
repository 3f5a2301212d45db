"""The Pulumi program of this lake."""

from lotus.program import declare

declare()
