"""What several tests of the publisher's side do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pip_verify.publish.artifacts import read_release
from pip_verify.publish.sign import write_statement
from pip_verify.publish.signer import Signer
from pip_verify.publish.standing import Known


def sign_artifacts(paths: Sequence[Path], key: Signer, releases_dir: Path, known: Known | None = None) -> Path:
    """Read the files of one release and sign them, as the command does; returns the statement's path."""
    return write_statement(read_release(paths), key, releases_dir, known)


@contextlib.contextmanager
def as_nobody_special() -> Iterator[None]:
    """While it lasts, permissions hold for root, too. Paths must be relative: the tests' directory is root's own."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)
