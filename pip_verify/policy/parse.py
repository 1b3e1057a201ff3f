"""Parse the trust file: the bytes of ``pip-verify.toml`` or ``pyproject.toml`` come in, a ``Policy`` goes out.

Refused with the dotted path: anything but UTF-8 TOML of at most 32 MiB, unknown keys, wrong types, values out of
range, URLs that are not plain https, a publisher that could accept anything or nothing, a name claimed twice, an
exemption that would silence a publisher. A weak key is an EvidenceError, all else is a UsageError.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from pip_verify.artifact.name import normalise
from pip_verify.encoding import b64u_decode
from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import KEY_LIST_MAX_KEYS, TEXT_PREFIX, PublicKey, check_template
from pip_verify.pins import Origin
from pip_verify.policy.model import KNOWN_FORMATS, Exemption, Mode, Policy, Publisher
from pip_verify.policy.table import Table, quoted, toml_type

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

# As a lock: a hash takes no more room here than in the requirement file that states it, so what can be locked can be
# exempted. It is read at about 4 MiB a second.
TRUST_FILE_MAX_BYTES = 32 * 1024 * 1024
MAX_STALE_LIMIT = 30 * 24 * 3600  # seconds; a key list older than that says nothing about today's keys

_TOP = ("policy", "publishers", "exempt")
_POLICY = ("unsigned", "first-use", "max-stale", "vcs", "local", "mode")
_PUBLISHER = ("key-list", "keys", "releases", "threshold", "projects", "formats")
_EXEMPT = ("project", "reason", "hashes", "until", "origin")

_TOOL = "pip-verify"
_PUBLISHER_NAME_RE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_PATTERN_RE = re.compile(r"[a-z0-9*](?:[a-z0-9*-]*[a-z0-9*])?\Z")  # a normalised name (PEP 503) with "*" in it
_HASH_RE = re.compile(r"sha256:([0-9a-f]{64})\Z")
_URL_RE = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+\Z")  # RFC 3986 section 2
_HEADER_RE = re.compile(r"[ \t]*(\[{1,2}[^\]]+\]{1,2})")


def parse_trust_file(data: bytes, name: str) -> Policy:
    """Parse a ``pip-verify.toml`` (docs/trust-file.md); ``name`` stands in messages and in ``Policy.source``.

    Raises UsageError, or EvidenceError for a weak key.
    """
    text = decode(data, name)
    return parse_document(load(text, name), text, name, "")


def parse_pyproject(data: bytes, name: str) -> Policy | None:
    """Parse the table ``[tool.pip-verify]`` of a ``pyproject.toml``; None when there is none. Raises as above."""
    text = decode(data, name)
    tool = Table(load(text, name).get("tool", {}), name, "tool")
    for key in tool.values:
        if key != _TOOL and key.lower().replace("_", "").replace("-", "") == "pipverify":
            raise tool.error(
                quoted(key), f"the table [tool.{_TOOL}]", "another spelling", f"rename it to [tool.{_TOOL}]"
            )
    return parse_document(tool.values[_TOOL], text, name, f"tool.{_TOOL}") if _TOOL in tool.values else None


def decode(data: bytes, name: str) -> str:
    """The file's text; raises UsageError when it is too large or not UTF-8."""
    if len(data) > TRUST_FILE_MAX_BYTES:
        hint = "drop what nothing requires any more: pip-verify prune -r FILE"
        expected = f"at most {TRUST_FILE_MAX_BYTES} bytes"
        raise UsageError(name, expected=expected, got=f"{len(data)} bytes", hint=hint)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        got = f"an invalid byte at offset {error.start}"
        raise UsageError(name, expected="UTF-8", got=got, hint="save the file as UTF-8") from error


def load(text: str, name: str) -> dict[str, Any]:
    """The TOML document; raises UsageError when it is none."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: an integer of 5000 digits is a ValueError
        hint = "mend what stands there; strings are in quotes, dates are not"
        raise UsageError(name, expected="TOML 1.0", got=str(error), hint=hint) from error


def parse_document(document: object, text: str, name: str, path: str) -> Policy:
    """The policy of one document; path: of the table that holds it, dotted, "" for the whole. Raises as above."""
    top = Table(document, name, path, _TOP)
    settings = Table(top.values.get("policy", {}), name, _join(path, "policy"), _POLICY)
    lines = header_lines(text)
    publishers = _parse_publishers(top, lines)
    exemptions = _parse_exemptions(top, lines)
    _refuse_double_claims(publishers, top)
    _refuse_silencing(publishers, exemptions, top)
    return Policy(
        unsigned=cast('Literal["deny", "hash-pinned"]', settings.choice("unsigned", ("deny", "hash-pinned"))),
        first_use=cast('Literal["deny", "record"]', settings.choice("first-use", ("deny", "record"))),
        max_stale=settings.integer("max-stale", default=0, least=0, most=MAX_STALE_LIMIT),
        vcs=cast('Literal["deny", "commit"]', settings.choice("vcs", ("deny", "commit"))),
        local=cast('Literal["allow", "deny"]', settings.choice("local", ("allow", "deny"))),
        mode=cast("Mode", settings.choice("mode", ("enforce", "report"))),
        publishers=publishers,
        exemptions=exemptions,
        source=name,
    )


def _parse_publishers(top: Table, lines: Mapping[str, list[int]]) -> tuple[Publisher, ...]:
    path = _join(top.path, "publishers")
    tables = Table(top.values.get("publishers", {}), top.where, path)
    publishers = []
    for name, values in tables.values.items():
        if not _PUBLISHER_NAME_RE.match(name):
            raise tables.error(quoted(name), "a name of up to 100 letters, digits, '.', '_' and '-'", ascii(name[:80]))
        origin = Origin(top.where, lines.get(f"[{path}.{name}]", [0])[0])
        table = Table(values, str(origin), _join(path, quoted(name)), _PUBLISHER)
        publishers.append(_parse_publisher(table, name, origin))
    return tuple(publishers)


def _parse_publisher(table: Table, name: str, origin: Origin) -> Publisher:
    key_list = table.text("key-list")
    keys = table.array("keys", lambda path, text: _key(table, path, text))
    if key_list is None and not keys:
        raise table.error("", "key-list, keys or both", "neither", 'add key-list = "https://…" or keys = ["ed25519:…"]')
    releases = table.text("releases")
    most = min(len(keys) or KEY_LIST_MAX_KEYS, KEY_LIST_MAX_KEYS)
    return Publisher(
        name=name,
        key_list=None if key_list is None else _https_url(table, "key-list", key_list, literal=key_list),
        keys=keys,
        releases=None if releases is None else _template(table, releases),
        threshold=table.integer("threshold", default=1, least=1, most=most),
        projects=table.array("projects", lambda path, text: _pattern(table, path, text)),
        formats=table.array("formats", lambda path, text: _format(table, path, text)),
        origin=origin,
    )


def _parse_exemptions(top: Table, lines: Mapping[str, list[int]]) -> tuple[Exemption, ...]:
    tables = top.values.get("exempt", [])
    if not isinstance(tables, list):
        raise top.error("exempt", "an array of tables, each under [[exempt]]", toml_type(tables))
    path = _join(top.path, "exempt")
    numbers = lines.get(f"[[{path}]]", [])
    if len(numbers) != len(tables):  # some are written in another way, so no line is sure
        numbers = [0] * len(tables)
    exemptions: dict[str, Exemption] = {}
    for index, (values, line) in enumerate(zip(tables, numbers, strict=True)):
        origin = Origin(top.where, line)
        table = Table(values, str(origin), f"{path}[{index}]", _EXEMPT)
        exemption = _parse_exemption(table, origin)
        if exemption.project in exemptions:
            raise table.error("project", "one exemption a project", f"a second one for {exemption.project}")
        exemptions[exemption.project] = exemption
    return tuple(exemptions.values())


def _parse_exemption(table: Table, origin: Origin) -> Exemption:
    project, reason = table.text("project"), table.text("reason")
    if project is None or reason is None:
        missing = "reason" if project is not None else "project"
        raise table.error(missing, "a string", "nothing", f'add {missing} = "…"')
    return Exemption(
        project=_name(table, "project", project),
        reason=reason,
        hashes=table.array("hashes", lambda path, text: _hash(table, path, text)),
        until=table.local_date("until"),
        origin_note=table.text("origin"),
        origin=origin,
    )


def _key(table: Table, path: str, text: str) -> PublicKey:
    expected = "ed25519:<43 base64url characters>"
    if not text.startswith(TEXT_PREFIX):
        raise table.error(path, expected, ascii(text[:80]))
    try:
        raw = b64u_decode(text[len(TEXT_PREFIX) :], path, length=32)
    except EvidenceError as error:
        raise table.error(path, expected, error.got) from error
    return PublicKey.from_raw(raw, f"{table.where}: {_join(table.path, path)}")


def _https_url(table: Table, path: str, url: str, *, literal: str) -> str:
    """Check an absolute https URL (RFC 3986); ``literal`` is what of it must be plain URL characters."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port  # each can raise
    except ValueError as error:
        raise table.error(path, "an https URL", _without_credentials(url)) from error
    if parts.scheme == "http":
        raise table.error(path, "an https URL", "an http URL", "serve it over https")
    if not url.startswith("https://") or not _URL_RE.match(literal):
        raise table.error(path, "an https URL", _without_credentials(url))
    if "@" in parts.netloc or "#" in url:
        raise table.error(path, "an https URL without credentials and fragment", _without_credentials(url))
    if not host or port == 0 or "{" in parts.netloc:
        raise table.error(path, "an https URL with a fixed host", _without_credentials(url))
    return url


def _without_credentials(url: str) -> str:
    return ascii(re.sub(r"//.*@", "//…@", url)[:80])


def _template(table: Table, template: str) -> str:
    try:
        check_template(template, "releases")
    except EvidenceError as error:
        raise table.error("releases", error.expected, error.got) from error
    return _https_url(table, "releases", template, literal=template.replace("{", "").replace("}", ""))


def _name(table: Table, path: str, text: str) -> str:
    try:
        return normalise(text)
    except EvidenceError as error:
        raise table.error(path, f"a project name: {error.expected}", error.got) from error


def _pattern(table: Table, path: str, text: str) -> str:
    if "*" not in text:
        return _name(table, path, text)
    pattern = re.sub(r"[-_.]+", "-", text).lower()
    if not text.isascii() or "**" in pattern or not _PATTERN_RE.match(pattern):
        raise table.error(path, "a project name, in which * stands for any characters", ascii(text[:80]))
    return pattern


def _format(table: Table, path: str, text: str) -> str:
    if text not in KNOWN_FORMATS:
        raise table.error(path, "one of " + ", ".join(KNOWN_FORMATS), ascii(text[:80]))
    return text


def _hash(table: Table, path: str, text: str) -> str:
    match = _HASH_RE.match(text)
    if match is None:
        raise table.error(path, "sha256:<64 lower-case hex digits>", ascii(text[:80]))
    return match.group(1)


def _refuse_double_claims(publishers: tuple[Publisher, ...], top: Table) -> None:
    """Names and patterns written twice; two *different* patterns that both match a name show only at that name."""
    claimed: dict[str, Publisher] = {}
    for publisher in publishers:
        for pattern in publisher.projects:
            if pattern in claimed:
                got = f"{pattern} under {claimed[pattern].name} and under {publisher.name}"
                raise top.error("publishers", "each project under one publisher", got, "remove it from one of them")
            claimed[pattern] = publisher


def _refuse_silencing(publishers: tuple[Publisher, ...], exemptions: tuple[Exemption, ...], top: Table) -> None:
    """An exemption without hashes would let a stranger's bytes in where a publisher's signature is demanded."""
    for number, exemption in enumerate(exemptions):
        claimants = [publisher.name for publisher in publishers if any(publisher.claims(exemption.project))]
        if claimants and not exemption.hashes:
            raise top.error(
                f"exempt[{number}]",
                f"hashes, because publisher {claimants[0]} claims {exemption.project}",
                "an exemption of all its files",
                'add hashes = ["sha256:…"] for the files that are exempt, or remove the exemption',
            )


def header_lines(text: str) -> dict[str, list[int]]:
    """The lines of each table header, which the TOML library does not tell: for messages only, so a simple scan."""
    lines: dict[str, list[int]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        match = _HEADER_RE.match(line)
        if match:
            lines.setdefault(re.sub(r"[\s\"']", "", match.group(1)), []).append(number)
    return lines


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
