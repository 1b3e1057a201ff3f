"""The table of evidence formats, by the names that a pin's ``formats`` uses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pip_verify.evidence import Format, in_wheel, jws, record_jws, release

_ALL = (
    Format("release-statement", release.parse, jws.prove, in_wheel=False, default=True),
    Format("in-wheel", in_wheel.parse, jws.prove, in_wheel=True, default=True),
    Format("record-jws", record_jws.parse, jws.prove, in_wheel=True, default=False),
)

FORMATS: Mapping[str, Format] = MappingProxyType({entry.name: entry for entry in _ALL})
