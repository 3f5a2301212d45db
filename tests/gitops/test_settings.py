"""What an administrator may write below `lotus:gitops`."""

from __future__ import annotations

from typing import Any

import pytest

from lotus.errors import ConfigError
from lotus.gitops.settings import gitops_settings
from tests.gitops.conftest import MINIMUM


def test_three_settings_are_enough():
    """Repository, image and state differ for everybody; all else has a default."""
    assert gitops_settings(MINIMUM).stack_object == "lotus-prod"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"image": "you/lotus"}, "fixed tag"),
        ({"image": "you/lotus:latest"}, "fixed tag"),
        ({"repository": "git@git.example:you/lake"}, "ssh://"),
        ({"state": "file:///state"}, "bucket"),
        ({"drift": {"schedule": "0 0 3 * * ?"}}, "five fields"),
        ({"memory": "lots"}, "memory"),
        ({"branche": "main"}, 'did you mean "branch"'),
        ({"secrets": {"writr": "x"}}, 'did you mean "writer"'),
    ],
)
def test_a_mistake_is_named_with_its_cause(wrong: dict[str, Any], words: str):
    """What the cluster would only refuse minutes later, or never, is said before anything is declared."""
    with pytest.raises(ConfigError, match=words):
        gitops_settings(MINIMUM | wrong)


def test_every_mistake_comes_in_one_run():
    """Mending one to learn of the next wastes a person's time."""
    with pytest.raises(ConfigError) as caught:
        gitops_settings({"image": "a:latest", "drfit": None})
    assert {"repository", "state", "image", "drfit"} <= set(str(caught.value).split('"'))


def test_true_alone_says_what_is_missing():
    """`lotus:gitops: true` is what people try first."""
    with pytest.raises(ConfigError, match="repository, image and state"):
        gitops_settings(True)
