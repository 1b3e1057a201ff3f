"""``pip-verify sign``: one statement for all files of a release. Prints where it wrote it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pip_verify.cli.signing_key import add_key_options, signer


def sign(arguments: Sequence[str]) -> int:
    """Write the release statement for the artifacts of one release."""
    from pip_verify.publish.sign import sign_artifacts

    parser = argparse.ArgumentParser(
        prog="pip-verify sign",
        description="Sign all files of one release; writes releases/{project}/{version}.jws.",
        allow_abbrev=False,
    )
    add_key_options(parser)
    parser.add_argument(
        "--releases", default="releases", metavar="DIR", help="where statements go (default: %(default)s)"
    )
    parser.add_argument("artifacts", nargs="+", metavar="ARTIFACT", help="a wheel or an sdist")
    options = parser.parse_args(arguments)
    path = sign_artifacts([Path(name) for name in options.artifacts], signer(options), Path(options.releases))
    sys.stdout.write(f"{path}\n")
    return 0
