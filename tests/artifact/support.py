"""What the tests of both readers do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pip_verify.artifact.limits import DEFAULT, Limits
from pip_verify.errors import EvidenceError


def refusing(read: Callable[[bytes, str, Limits], object], name: str) -> Callable[..., EvidenceError]:
    """A check that ``read`` refuses a file by a rule, and names the file. name: its name, unless said."""

    def refused(data: bytes, rule: str, filename: str = name, limits: Limits = DEFAULT) -> EvidenceError:
        with pytest.raises(EvidenceError) as caught:
            read(data, filename, limits)
        assert rule in caught.value.expected, str(caught.value)
        assert caught.value.subject.startswith(filename)
        return caught.value

    return refused
