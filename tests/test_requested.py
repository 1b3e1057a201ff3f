"""What a run was asked for: which pins hold for which project, and who asked."""

from __future__ import annotations

import pytest

from pip_verify.errors import UsageError
from pip_verify.keys import PublicKey
from pip_verify.pins import InlinePin, Origin
from pip_verify.requested import Requested
from tests.signer import Signer

KEY = PublicKey.from_raw(Signer.of("alice").raw)
COMMAND_LINE = InlinePin(keys=(KEY,))
FILE = f"""\
demo==1.0 --key={KEY.text}
Demo==1.0 --key={KEY.text}
other
https://files.example/nameless.tar.gz
"""


def test_every_line_of_a_project_counts_and_each_pin_once() -> None:
    requested = Requested(None, {})
    parsed = requested.read(FILE.encode(), "r.txt", constraint=False)
    assert len(parsed.requirements) == 4
    assert [pin.keys for pin in requested.pins("demo")] == [(KEY,), (KEY,)]  # of two lines: two origins
    requested.read(FILE.encode(), "r.txt", constraint=False)
    assert len(requested.pins("demo")) == 2
    assert requested.pins("other") == []
    assert requested.origins("demo", "somebody") == (Origin("r.txt", 1), Origin("r.txt", 2))


def test_a_pin_on_the_command_line_holds_for_what_is_named_there() -> None:
    requested = Requested(COMMAND_LINE, {})
    requested.read(b"other\n", "r.txt", constraint=False)
    requested.name([("demo", None), (None, "third-1.0-py3-none-any.whl"), (None, None)])
    assert [requested.pins(name) for name in ("demo", "third", "other")] == [[COMMAND_LINE], [COMMAND_LINE], []]


def test_a_pin_on_the_command_line_that_nothing_takes() -> None:
    with pytest.raises(UsageError, match="a requirement named there"):
        Requested(COMMAND_LINE, {}).name([])
    Requested(None, {}).name([])


def test_who_asks_for_a_project_that_no_line_names() -> None:
    requested = Requested(None, {})
    requested.name([("demo", None)])
    assert requested.origins("demo", None) == (Origin("<command line>"),)
    assert requested.origins("dependency", "demo 1.0") == (Origin("demo 1.0"),)
    assert requested.origins("dependency", None) == ()
