"""Our options among pip's: taken out of argv by their full names, so that pip sees only its own.

pip accepts abbreviations of its options; ours have none, so ``--key`` is never ``--keyring-provider`` and a
misspelt option of ours is an unknown option of pip's, not silently something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pip_verify.errors import UsageError

if TYPE_CHECKING:
    from pip_verify.pins import InlinePin

OURS = ("--trust-file", "--statements", "--extra-ca", "--format", "--output", "--mode", "--python")
SWITCHES = ("--frozen",)  # ours without a value
# What follows one of these is its value, whatever it looks like.
_OPAQUE = ("--global-option", "--config-settings", "--config-setting", "-C")

# pip's general options that take a value in the next argument, as ``pip --help`` lists them, and ours
_GENERAL_OPTIONS_WITH_VALUE = frozenset(
    (
        *("--log", "--log-file", "--local-log", "--keyring-provider", "--proxy", "--retries", "--timeout"),
        *("--default-timeout", "--exists-action", "--trusted-host", "--cert", "--client-cert", "--cache-dir"),
        *("--use-feature", "--use-deprecated", "--resume-retries"),
        *OURS,
        *("--key", "--key-list", "--threshold", "--signed-by"),
    )
)

HELP = """\
pip-verify's own options:
  --key=ed25519:KEY        any of the keys given may have signed; repeatable
  --key-list=URL           a key on the publisher's list at this https URL must have signed
  --threshold=N            so many distinct keys must have signed
  --signed-by=NAME         a publisher of the trust file must have signed
                           (these four hold for every requirement named on the command line)
  --trust-file FILE        instead of the pip-verify.toml found from here upwards
  --statements DIR         release statements on disk, looked at first
  --extra-ca FILE          a private CA for key lists and statements, added to the others
  --format FORMAT          of the report: text, json, sarif, junit, github or html
  --output FILE            where the report goes; text goes to standard error
  --mode enforce|report    report: refusals are told, and pip installs all the same
  --frozen                 nobody is trusted for the first time, as where CI is set
  --python ENV             the environment to install into
"""


@dataclass
class Split:
    """argv taken apart. pip: what pip shall see. flags: our options by argparse's names. pin: the pin options."""

    pip: list[str]
    pin: InlinePin | None
    flags: dict[str, str] = field(default_factory=dict)


def split(arguments: Sequence[str]) -> Split:
    """Take our options out of ``arguments``; raises UsageError for one without a value or given twice."""
    from pip_verify.requirements.pins import parse_inline_options  # lazily: every command asks this module its name

    before, after = _at_double_dash(arguments)
    ours = [
        name for name in OURS if not (name == "--output" and command_of(before) == "lock")
    ]  # pip's, of this one command
    protected, opaque = _hide_opaque(before)
    pin, rest = parse_inline_options(protected)
    flags: dict[str, str] = {}
    pip: list[str] = []
    remaining = iter(rest)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if name not in (*ours, *SWITCHES):
            pip.append(opaque.get(argument, argument))
            continue
        if name in SWITCHES:
            value = _switched_on(argument, equals)
        elif not equals:
            value = next(remaining, "")
        if not value:
            raise UsageError(name, expected="a value", got="none", hint=f"write {name}=VALUE")
        key = name[2:].replace("-", "_")
        if key in flags:
            raise UsageError(name, expected="the option once", got="twice", hint="leave one of them out")
        flags[key] = value
    return Split([*pip, *after], pin, flags)


def _switched_on(argument: str, equals: str) -> str:
    if equals:
        name = argument.partition("=")[0]
        raise UsageError(name, expected="no value", got=argument, hint=name)
    return "yes"


def command_of(arguments: Sequence[str]) -> str:
    """The first argument that is no option; pip's general options may stand before it."""
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in _GENERAL_OPTIONS_WITH_VALUE:
            skip = True
        elif not argument.startswith("-"):
            return argument
    return ""


def _at_double_dash(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands behind ``--`` is never an option."""
    if "--" not in arguments:
        return list(arguments), []
    position = list(arguments).index("--")
    return list(arguments[:position]), list(arguments[position:])


def _hide_opaque(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Stand-ins for values of pip's options that may look like ours."""
    hidden: list[str] = []
    values: dict[str, str] = {}
    for number, argument in enumerate(arguments):
        if number and arguments[number - 1] in _OPAQUE:
            stand_in = f"\0{number}"  # no argument of a process can hold a NUL
            values[stand_in] = argument
            hidden.append(stand_in)
        else:
            hidden.append(argument)
    return hidden, values
