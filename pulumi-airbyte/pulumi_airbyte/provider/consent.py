"""Consent to what nothing brings back: deleting or replacing what holds sync state, overwriting what has landed.

What has synced knows how far each stream was read; a new object of the same name starts from the beginning. And a
stream that is overwritten from now on loses what it appended. So these are refused until the stack agrees, by the
phrase that the refusal prints.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from .resources import RESOURCES

EVERYTHING = "everything"
"""The phrase that agrees to every loss, for stacks that hold nothing worth keeping."""
SETTING = "airbyte:confirm"

_KINDS = "|".join(kind.word for kind in RESOURCES.values())
_PHRASE = re.compile(
    rf"(delete|replace|duplicate) ({_KINDS}) .+|(overwrite|widen) stream .+|"
    r"widen columns of .+|stop (schedule|files of stream) .+"
)


class Consents:
    """What a stack agrees to lose: the phrases of its `airbyte:confirm`, and those that its program passes on.

    Args:
        phrases: those of `airbyte:confirm`.
        once: those of the environment.
    """

    def __init__(self, phrases: Iterable[str] = (), once: Iterable[str] = ()) -> None:
        self._by_setting: dict[str, list[str]] = {
            SETTING: [_plain(one) for one in phrases],
            "": [_plain(one) for one in once],
        }
        self._setting = SETTING
        self._pending = 0
        self._places: dict[str, int] = {}

    def add(self, phrases: Iterable[str], setting: str, pending: int = 0) -> None:
        """Phrases that the program has from a setting of its own; refusals name that one from now on.

        Args:
            phrases: all that the setting has.
            setting: its name.
            pending: how many more the program itself asks for.
        """
        self._by_setting[setting] = [_plain(one) for one in phrases]
        self._setting = setting
        self._pending = pending

    def given(self, *phrases: str) -> str | None:
        """The phrase that agrees to one of these; None if none does."""
        held = [one for phrases_of in self._by_setting.values() for one in phrases_of]
        return next((one for one in (*map(_plain, phrases), EVERYTHING) if one in held), None)

    def missing(self, phrases: Sequence[str]) -> list[str]:
        """Those that nothing agrees to."""
        return [one for one in dict.fromkeys(map(_plain, phrases)) if self.given(one) is None]

    def idle(self, needed: Iterable[str]) -> list[str]:
        """Phrases about the provider's objects that nothing needs: used ones, or slips."""
        asked = set(map(_plain, needed))
        held = dict.fromkeys(one for phrases in self._by_setting.values() for one in phrases)
        return [one for one in held if _PHRASE.fullmatch(one) and one not in asked]

    def how(self, phrases: Sequence[str], stack: str) -> str:
        """The commands that agree, ready to paste: each phrase has a place of its own, whoever asks for it first."""
        commands = [
            f"pulumi config set --path '{self._setting}[{self._place(phrase)}]' {shlex.quote(phrase)} --stack {stack}"
            for phrase in phrases
        ]
        return "to agree: " + " && ".join(commands)

    def _place(self, phrase: str) -> int:
        first = len(self._by_setting[self._setting]) + self._pending
        return self._places.setdefault(phrase, first + len(self._places))


def phrase(verb: str, word: str, name: object) -> str:
    """The consent as it stands in `airbyte:confirm`.

    Example:
        >>> phrase("delete", "connection", "Shopify → Lake")
        'delete connection Shopify → Lake'
    """
    return _plain(f"{verb} {word} {name}")


def _plain(text: str) -> str:
    return " ".join(text.split())
