"""METADATA, PKG-INFO and WHEEL: header files (PEP 566, PEP 427), read as far as names and versions go.

In: the file's bytes. Out: its header fields. Only the block before the first empty line is looked at; what follows
is a description. Refused: a line of that block that is neither a field nor the continuation of one (lenient parsers
end the block there, so that a field behind it would speak to some readers only), a lone CR (a line end to some), a
field that must stand once and does not. Bytes that are not ASCII are let through as Latin-1: old files hold authors'
names in any encoding, and the fields read here are ASCII by their own rules.
"""

from __future__ import annotations

import re
import string
from urllib.parse import urlsplit

from pip_verify.artifact.fault import Spot, shown
from pip_verify.artifact.name import Artifact, canonical_version, normalise, same_version

_FIELD_RE = re.compile(r"([!-9;-~]+):[ \t]*(.*)\Z", re.DOTALL)
_STEM_RE = re.compile(r"[A-Za-z0-9._+!-]+\Z")
_SEPARATORS_RE = re.compile(r"[-_.]+")
_WHEEL_VERSION_RE = re.compile(r"1\.[0-9]{1,3}\Z")
_TAGS_MAX = 1000  # each is compared with each tag of the file name; those with most have some dozens
_KEY_LISTS_MAX = 4  # whoever looks asks each of them, and a stranger wrote them
_URL_MAX = 2000  # characters
_KEY_LIST_LABELS = ("signingkeys", "keylist")
_LABEL_NOISE = str.maketrans("", "", string.punctuation + string.whitespace)
_URL_RE = re.compile(r"https://[A-Za-z0-9._~:/?\[\]!$&'()*+,;=%-]+\Z")  # RFC 3986 section 2; no user, no fragment

Fields = dict[str, list[str]]


def parse_fields(data: bytes, spot: Spot) -> Fields:
    """The header fields by lower-case name, each with its values in order; raises EvidenceError on any other line."""
    fields: Fields = {}
    values: list[str] | None = None
    for line in _header_lines(data, spot):
        if values and line[0] in " \t":
            values[-1] += f"\n{line.strip()}"
            continue
        field = _FIELD_RE.match(line)
        if field is None:
            raise spot.breaks("'Field: value' in each line before the first empty one", shown(line))
        values = fields.setdefault(field[1].lower(), [])
        values.append(field[2].rstrip())
    return fields


def _header_lines(data: bytes, spot: Spot) -> list[str]:
    lines = []
    for raw in data.decode("latin-1").split("\n"):
        line = raw.removesuffix("\r")
        if not line:
            break
        if "\r" in line:
            raise spot.breaks("lines that end in LF or CRLF", "a lone CR")
        lines.append(line)
    return lines


def single(fields: Fields, name: str, spot: Spot) -> str:
    """The value of a field that must stand exactly once."""
    values = fields.get(name.lower(), [])
    if len(values) != 1:
        raise spot.breaks(f"exactly one {name} field", str(len(values)))
    return values[0]


def check_identity(data: bytes, artifact: Artifact, spot: Spot) -> None:
    """Raises EvidenceError unless METADATA or PKG-INFO names the project and version of the file name."""
    fields = parse_fields(data, spot)
    what = f"{spot.filename}: {spot.entry}"
    name = normalise(single(fields, "Name", spot), f"{what}: Name")
    version = canonical_version(single(fields, "Version", spot), f"{what}: Version")
    if name != artifact.project or not same_version(version, artifact.version):
        raise spot.breaks(f"{artifact.project} {artifact.version}, as the file name says", f"{name} {version}")


def key_list_urls(metadata: bytes) -> tuple[str, ...]:
    """The https URLs that METADATA or PKG-INFO names as the publisher's key list, each once, in order.

    They stand in ``Project-URL`` fields labelled Signing-Keys or Key-List; labels are compared as "Well-known Project
    URLs in Metadata" has it, without case, punctuation and white space. Whoever made the file wrote them: nothing is
    proved by a URL. What is no plain https URL of up to 2000 characters is passed over, and so are all but the first
    four. Raises EvidenceError as ``parse_fields``.
    """
    found = []
    for value in parse_fields(metadata, Spot("metadata")).get("project-url", ()):
        label, _, url = value.partition(",")
        if label.translate(_LABEL_NOISE).lower() in _KEY_LIST_LABELS and _is_plain_https(url.strip()):
            found.append(url.strip())
    return tuple(dict.fromkeys(found))[:_KEY_LISTS_MAX]


def leaves_urls_to_the_build(metadata: bytes) -> bool:
    """Whether a PKG-INFO says that only building the wheel tells the project's URLs (``Dynamic``, PEP 643).

    Raises EvidenceError as ``parse_fields``.
    """
    fields = parse_fields(metadata, Spot("metadata"))
    return "project-url" in {name.strip().lower() for name in fields.get("dynamic", ())}


def _is_plain_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(len(url) <= _URL_MAX and _URL_RE.match(url) and parts.hostname and parts.port != 0)
    except ValueError:  # a malformed host or port
        return False


def check_wheel_file(data: bytes, spot: Spot) -> tuple[str, ...]:
    """The Tag values of WHEEL (PEP 427), as written.

    Raises EvidenceError unless it states a Wheel-Version 1.x and, true or false, Root-Is-Purelib, and for more tags
    than any platform has.
    """
    fields = parse_fields(data, spot)
    version = single(fields, "Wheel-Version", spot)
    if not _WHEEL_VERSION_RE.match(version):
        raise spot.breaks("Wheel-Version 1.x", shown(version))
    purelib = single(fields, "Root-Is-Purelib", spot)
    if purelib.lower() not in ("true", "false"):
        raise spot.breaks("Root-Is-Purelib: true or false", shown(purelib))
    tags = fields.get("tag", [])
    if len(tags) > _TAGS_MAX:
        raise spot.breaks(f"at most {_TAGS_MAX} Tag fields", str(len(tags)))
    return tuple(tags)


def is_stem(text: str, artifact: Artifact) -> bool:
    """Whether ``text`` is ``{name}-{version}`` of the artifact, in any spelling that means the same.

    Names are escaped in several ways in old files (PEP 427, PEP 625), so each dash may be the one between.
    """
    if not _STEM_RE.match(text):
        return False
    dashes = [position for position, character in enumerate(text) if character == "-"]
    return any(
        _SEPARATORS_RE.sub("-", text[:dash]).lower() == artifact.project
        and same_version(text[dash + 1 :], artifact.version)
        for dash in dashes
    )
