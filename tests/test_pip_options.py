"""What we read of pip's own options, against pip's parser."""

from __future__ import annotations

import contextlib
import optparse

import pytest
from pip._internal.commands import create_command

from pip_verify.cli.pip_commands import _ABBREVIATED, _value_of


@pytest.mark.parametrize("command", ["install", "download", "wheel", "lock"])
@pytest.mark.parametrize("option", ["--cert", "--proxy"])
def test_the_value_of_an_option_is_what_pip_reads(command: str, option: str) -> None:
    """Key lists are fetched as pip fetches files: under the last of several, and by each name optparse takes."""
    parser = create_command(command).parser
    names = []
    for length in range(3, len(option) + 1):
        with contextlib.suppress(optparse.BadOptionError):  # ambiguous: pip ends there
            parser._match_long_opt(option[:length])
            names.append(option[:length])
    assert tuple(names) == _ABBREVIATED[option]
    for name in names:
        for given in ([name, "a"], [f"{name}=a"], [option, "a", name, "b"], [f"{name}=a", f"{option}=b"]):
            arguments = [*given, "demo", "--", f"{option}=z"]
            options, _ = parser.parse_args(arguments)
            assert _value_of(option, arguments) == getattr(options, option[2:]), arguments
