"""The trust file: whom the user trusts for which project, what is exempt, and how strict to be.

``parse`` turns the bytes of ``pip-verify.toml`` or ``pyproject.toml`` into a ``Policy``, or raises; ``model`` is
that policy and the answers it gives. Pure: finding and reading the file is ``config``'s business.
"""

from __future__ import annotations

from pip_verify.policy.model import EMPTY_POLICY, KNOWN_FORMATS, Exemption, Mode, Policy, Publisher
from pip_verify.policy.parse import TRUST_FILE_MAX_BYTES, parse_pyproject, parse_trust_file

__all__ = [
    "EMPTY_POLICY",
    "KNOWN_FORMATS",
    "TRUST_FILE_MAX_BYTES",
    "Exemption",
    "Mode",
    "Policy",
    "Publisher",
    "parse_pyproject",
    "parse_trust_file",
]
