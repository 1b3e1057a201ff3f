"""``pip-verify keylist publish`` and ``serve``: the key list as a static site, and that site tried on loopback."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pip_verify.cli.keylist_views import RELEASES, releases_of, say
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.install.environment import child_environment

if TYPE_CHECKING:
    from pip_verify.publish.serve import Served

PORT = 8443  # unless told otherwise; it stands in the documentation


def publish(options: argparse.Namespace) -> int:
    """Write the site."""
    from pip_verify.keys import KEY_LIST_MAX_BYTES, parse_key_list
    from pip_verify.publish.releases import Releases
    from pip_verify.publish.site import build_site, write_site
    from pip_verify.storage import read_file

    now = time.time()
    data, _ = read_file(Path(options.list), max_bytes=KEY_LIST_MAX_BYTES, expected="a key list")
    _refuse_unclean(options.list, data, now)
    key_list = parse_key_list(data, options.list)
    releases = releases_of(options)
    if releases is None:
        say(f"there is no directory {RELEASES} beside the list, so no statement is on the site")
    found = releases or Releases(Path(RELEASES))
    site = build_site(data, key_list, found, now=now, host=options.cname or "", force=options.force)
    write_site(Path(options.directory), site.files)
    for statement in site.unsigned:
        say(f"warning: {statement.release}: no signature of it counts any more, so nobody can install it")
    if not site.placed:
        say(f"warning: users look for statements at {key_list.releases}, which is not on this site")
    sys.stdout.write(f"{options.directory}\n")
    return 0


def _refuse_unclean(name: str, data: bytes, now: float) -> None:
    """Mistakes are refused, warnings told."""
    from pip_verify.publish.listlint import lint_key_list

    for remark in lint_key_list(data, name, now=now):
        if not remark.warning:
            got = str(remark).removeprefix(f"{name}: ")
            raise UsageError(name, expected="a list without mistakes", got=got, hint=f"pip-verify keylist lint {name}")
        say(str(remark))


def serve(options: argparse.Namespace) -> int:
    """Serve the site until interrupted, or while a command runs; then the exit code is the command's."""
    from pip_verify.publish.serve import serving

    if options.command == []:
        hint = "leave out the --: then it is served until Ctrl-C"
        raise UsageError("keylist serve", expected="a command behind --", got="none", hint=hint)
    if not 0 <= options.port < 65536:
        hint = "--port=0 takes any that is free"
        raise UsageError("--port", expected="a number from 0 to 65535", got=str(options.port), hint=hint)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with serving(Path(options.directory), port=options.port) as served:
            if options.command is not None:
                return _run(options.command, served)
            _until_interrupted(served, Path(options.directory))
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _until_interrupted(served: Served, directory: Path) -> None:
    try:
        _tell(served, directory)
        threading.Event().wait()
    except KeyboardInterrupt:
        say("no longer served")


def _tell(served: Served, directory: Path) -> None:
    """The address, and what a consumer has to type."""
    say(f"{directory} is at {served.address} until you press Ctrl+C; to install from it, elsewhere on this machine:")
    release = shlex.quote(_some_release(directory))
    ca_file = shlex.quote(str(served.ca_file))
    sys.stdout.write(f"pip-verify install --extra-ca {ca_file} --key-list={served.key_list} {release}\n")
    sys.stdout.flush()


def _some_release(directory: Path) -> str:
    """One that is on the site, as its statement says: where that lies is for the list's template to say."""
    from pip_verify.evidence.jws import JWS_MAX_BYTES
    from pip_verify.evidence.release import parse
    from pip_verify.publish.site import read_manifest
    from pip_verify.storage import read_file

    for name in read_manifest(directory):
        with contextlib.suppress(EvidenceError):  # the list, the page …
            data, _ = read_file(directory / name, max_bytes=JWS_MAX_BYTES, expected="a file of the site")
            claim = parse(data)
            return f"{claim.project}=={claim.version}"
    return "PROJECT"


def _run(command: Sequence[str], served: Served) -> int:
    try:
        environ = {**child_environment(os.environ), "PIP_VERIFY_EXTRA_CA": str(served.ca_file)}
        code = subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - the user's own command
    except OSError as error:
        hint = f"run it without pip-verify first: {shlex.join(command)}"
        raise UsageError(command[0], expected="a command", got=error.strerror or str(error), hint=hint) from error
    return code if code >= 0 else 128 - code  # ended by a signal, as shells say it
