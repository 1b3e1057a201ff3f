"""Flags, the environment and files become ``Settings`` and a ``Policy``. Besides ``cli`` nothing else reads them.

Refused: an unknown ``PIP_VERIFY_*`` variable (a misspelt one would silently leave the default in force), values
that make no sense, and a discovered trust file that another user could have put there or changed.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import os
import shlex
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from pip_verify.errors import UsageError
from pip_verify.policy import EMPTY_POLICY, TRUST_FILE_MAX_BYTES, Mode, Policy, parse_pyproject, parse_trust_file
from pip_verify.storage import look_in, read_file

PREFIX = "PIP_VERIFY_"
TRUST_FILE_NAME = "pip-verify.toml"
FIRST_USE_NAME = "pip-verify.lock"  # beside the trust file
PYPROJECT_NAME = "pyproject.toml"
OUTPUT_FORMATS = ("text", "json", "sarif", "junit", "github", "html")  # the keys of report.FORMATS; a test holds that
DEFAULT_DEADLINE = 30.0  # seconds for one answer of a key list or a statement, the whole of it
MAX_DEADLINE = 3600.0

_SETTINGS = ("trust_file", "statements", "extra_ca", "format", "output", "mode", "deadline", "cache_dir")
# each after PREFIX; PASSPHRASE is read by the command that asks for one
_VARIABLES = (*(name.upper() for name in _SETTINGS), "FROZEN", "PASSPHRASE")
_OF_THE_TESTS = ("VECTORS",)  # no setting, but who works on pip-verify may have it exported
_UNSET = ("", "0", "false")  # what a variable that is a switch may hold and still be off
_REPOSITORY_MARKS = (".git", ".hg")


class _Stated(NamedTuple):
    """A value as given, None when it was not, and the flag or variable that gives it."""

    value: str | None
    by: str


@dataclass(frozen=True)
class Settings:
    """What flags and ``PIP_VERIFY_*`` say; None where neither does and there is no default.

    statements: the directory of ``--statements``. extra_ca: a PEM file of CAs to add. output: where the report
    goes. mode: None when not stated; see ``mode_in_force``. frozen: what forbids a first use, in words, "" when nothing
    does. deadline: seconds for one download of key list or statement.
    """

    trust_file: str | None = None
    statements: Path | None = None
    extra_ca: Path | None = None
    format: str = "text"
    output: Path | None = None
    deadline: float = DEFAULT_DEADLINE
    stated_cache_dir: Path | None = None
    mode: Mode | None = None
    frozen: str = ""

    @classmethod
    def resolve(cls, flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
        """Each setting from ``flags``, else from ``environ``, else its default.

        flags: by argparse's names (``trust_file`` …); None or absent is not given. An empty variable counts as not
        set, as pip has it. Raises UsageError.
        """
        _refuse_unknown_variables(environ)
        stated = {name: _stated(name, flags, environ) for name in _SETTINGS}
        return cls(
            trust_file=stated["trust_file"].value,
            statements=_path(stated["statements"], must_be=Path.is_dir),
            extra_ca=_path(stated["extra_ca"], must_be=Path.is_file),
            format=_output_format(stated["format"]),
            output=_path(stated["output"]),
            mode=_mode(stated["mode"]),
            frozen=_frozen(flags, environ),
            deadline=_deadline(stated["deadline"]),
            stated_cache_dir=_path(stated["cache_dir"]),
        )

    @property
    def cache_dir(self) -> Path:
        """Where key lists are cached: as stated, else the user's cache directory. It need not exist."""
        if self.stated_cache_dir is not None:
            return self.stated_cache_dir
        import platformdirs  # lazily: many runs need no cache

        return Path(platformdirs.user_cache_dir("pip-verify", appauthor=False))


def pip_network_settings(environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The CA bundle and the proxy that pip's own configuration states (its files and ``PIP_*``), None where it does
    not; the bundle else from REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, which pip honours, too.

    Costs the import of pip, so it is asked only before something is fetched.
    """
    from pip._internal.configuration import Configuration  # pip has no public way to ask; ``pip config`` is slower
    from pip._internal.exceptions import PipError

    configuration = Configuration(isolated=False)

    def stated(name: str) -> str | None:
        for section in (":env:", "install", "global"):  # as pip orders them, the strongest first
            with contextlib.suppress(PipError):
                return str(configuration.get_value(f"{section}.{name}")) or None
        return None

    with contextlib.suppress(PipError):  # a configuration that cannot be read stops pip itself, in its own words
        configuration.load()
    bundle = stated("cert") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or None
    return bundle, stated("proxy")


def find_trust_file(start: Path, stated: str | None, environ: Mapping[str, str]) -> Policy:
    """The policy that holds for a run in the directory ``start`` (absolute).

    ``stated`` (``--trust-file``) or ``PIP_VERIFY_TRUST_FILE`` names the file. Else it is the nearest
    ``pip-verify.toml``, else the nearest ``pyproject.toml`` with ``[tool.pip-verify]``, from ``start`` up to the root
    of its repository; outside a repository only ``start`` is looked at, lest a file in ``/tmp`` or ``/home`` decide.
    None of these: ``EMPTY_POLICY``.

    Raises UsageError when the file named is missing, when the one found is not a regular file, can be written by
    everybody, or (unless it was named) belongs to another user; and as ``parse_trust_file`` does.
    """
    name = environ.get(PREFIX + "TRUST_FILE") or None if stated is None else stated
    if name is not None:
        return _read_named(start / name, name)
    directories = _search_path(start)
    for path in _existing(directories, TRUST_FILE_NAME):
        data, status = _read(path)
        refuse_foreign(path, status)
        return parse_trust_file(data, str(path))
    for path in _existing(directories, PYPROJECT_NAME):
        data, status = _read(path)
        policy = parse_pyproject(data, str(path))
        if policy is not None:
            refuse_foreign(path, status)
            return policy
    return EMPTY_POLICY


def mode_in_force(settings: Settings, policy: Policy) -> Mode:
    """Whether refusals stop pip, or are only reported: as stated, else as the trust file has it.

    Raises UsageError when a trust file that was merely found asks for "report": it may be that of the very checkout
    that is to be installed, so somebody must say the word who is not its author.
    """
    if settings.mode is not None:
        return settings.mode
    if policy.mode == "report" and settings.trust_file is None:
        raise UsageError(
            f"{policy.source}: policy.mode",
            expected='your word for it: a file that was found, not named, cannot ask for mode "report"',
            got='"report"',
            hint="--mode=report (or PIP_VERIFY_MODE=report) lets pip install what is refused; --mode=enforce does not",
        )
    return policy.mode


def first_use_file(start: Path, policy: Policy) -> Path | None:
    """Where first uses are recorded: beside the trust file; None where policy does not ask for it."""
    if policy.first_use != "record" or policy.source is None:
        return None
    return (start / policy.source).with_name(FIRST_USE_NAME)


def _read_named(path: Path, name: str) -> Policy:
    data, status = _read(path)
    refuse_writable_by_all(path, status)
    if path.name != PYPROJECT_NAME:
        return parse_trust_file(data, name)
    policy = parse_pyproject(data, name)
    if policy is None:
        raise UsageError(name, expected="a table [tool.pip-verify]", got="none", hint="name another --trust-file")
    return policy


def _search_path(start: Path) -> list[Path]:
    """``start`` and its parents up to the first that holds a repository; ``start`` alone when none does."""
    directories: list[Path] = []
    for directory in (start, *start.parents):
        directories.append(directory)
        if any(os.path.lexists(directory / mark) for mark in _REPOSITORY_MARKS):
            return directories
    return [start]


def _existing(directories: list[Path], name: str) -> list[Path]:
    # lexists: a dangling link, or a file we may not read, is an error later on and never "no trust file"
    return [directory / name for directory in directories if os.path.lexists(directory / name)]


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    return read_file(path, max_bytes=TRUST_FILE_MAX_BYTES, expected="a trust file that can be read")


def refuse_writable_by_all(path: Path, status: os.stat_result) -> None:
    """Raise UsageError for a file that says whom to trust and that everybody can change (POSIX)."""
    if sys.platform != "win32" and status.st_mode & stat.S_IWOTH:
        hint = f"chmod o-w {shlex.quote(str(path))}"
        raise UsageError(str(path), expected="a file that not everybody can change", got="mode o+w", hint=hint)


def refuse_foreign(path: Path, status: os.stat_result) -> None:
    """Raise UsageError for another user's file: nobody but this user and root may decide, by a file that was merely
    found, whom this user trusts (POSIX)."""
    refuse_writable_by_all(path, status)
    if sys.platform != "win32" and status.st_uid not in {os.geteuid(), 0}:
        raise UsageError(
            str(path),
            expected="a file of yours or root's",
            got=f"one of user id {status.st_uid}",
            hint="chown it, if it is yours; or, if you trust its owner, name the trust file: --trust-file FILE"
            if path.name == FIRST_USE_NAME
            else f"if you trust it, name it: --trust-file {shlex.quote(str(path))}",
        )


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    for name in sorted(environ):
        rest = name[len(PREFIX) :]
        if name.startswith(PREFIX) and rest not in (*_VARIABLES, *_OF_THE_TESTS):
            nearest = difflib.get_close_matches(rest, _VARIABLES, n=1)
            hint = f"did you mean {PREFIX}{nearest[0]}?" if nearest else f"unset {name}"
            expected = "one of " + ", ".join(PREFIX + known for known in _VARIABLES)
            raise UsageError(name, expected=expected, got="an unknown variable", hint=hint)


def _stated(name: str, flags: Mapping[str, object], environ: Mapping[str, str]) -> _Stated:
    flag, variable = flags.get(name), PREFIX + name.upper()
    if flag is None:
        return _Stated(environ.get(variable) or None, variable)
    option = "--" + name.replace("_", "-")
    if flag == "":
        raise UsageError(option, expected="a value", got="an empty one", hint=f"write {option}=VALUE, or leave it out")
    return _Stated(str(flag), option)


def _path(stated: _Stated, *, must_be: Callable[[Path], bool] | None = None) -> Path | None:
    if stated.value is None:
        return None
    path = Path(stated.value)
    if must_be is not None and not must_be(path):
        expected = "an existing directory" if must_be is Path.is_dir else "an existing file"
        raise UsageError(stated.by, expected=expected, got=stated.value, hint=look_in(path.parent))
    return path


def _output_format(stated: _Stated) -> str:
    if stated.value is None:
        return OUTPUT_FORMATS[0]
    if stated.value not in OUTPUT_FORMATS:
        expected = "one of " + ", ".join(OUTPUT_FORMATS)
        nearest = next(iter(difflib.get_close_matches(stated.value.lower(), OUTPUT_FORMATS, n=1)), OUTPUT_FORMATS[0])
        raise UsageError(stated.by, expected=expected, got=ascii(stated.value), hint=f"{stated.by}={nearest}")
    return stated.value


def _mode(stated: _Stated) -> Mode | None:
    if stated.value not in (None, "enforce", "report"):
        hint = f"{stated.by}=enforce stops what is refused, {stated.by}=report only tells it"
        raise UsageError(stated.by, expected="enforce or report", got=ascii(stated.value), hint=hint)
    return cast("Mode | None", stated.value)


def _frozen(flags: Mapping[str, object], environ: Mapping[str, str]) -> str:
    """What says that nobody is there to look at a first use; the strictest wins, for a switch can only forbid."""
    if flags.get("frozen"):
        return "--frozen"
    names = (PREFIX + "FROZEN", "CI")
    return next((name for name in names if environ.get(name, "").lower() not in _UNSET), "")


def _deadline(stated: _Stated) -> float:
    if stated.value is None:
        return DEFAULT_DEADLINE
    try:
        seconds = float(stated.value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_DEADLINE:  # false for nan, too
        expected = f"seconds, more than 0 and at most {MAX_DEADLINE:.0f}"
        hint = f"{stated.by}={DEFAULT_DEADLINE:g}"
        raise UsageError(stated.by, expected=expected, got=ascii(stated.value), hint=hint)
    return seconds
