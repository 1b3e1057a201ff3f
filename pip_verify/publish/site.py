"""The static site of a publisher: a key list and statements come in, a directory of files goes out.

It needs no code where it is served: ``keys.json``, the statements where the list's template says, a page for people,
and what static hosts read (``.nojekyll``, ``CNAME``, ``_headers``). The same input gives the same bytes. A site is
written aside and then renamed into place. It is replaced only if all in it is as this module wrote it, which
``MANIFEST`` tells (lines as ``sha256sum`` has them); anybody's other files are never removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pip_verify.errors import EvidenceError, UsageError
from pip_verify.keys import KeyList
from pip_verify.publish.page import LIST_NAME, POLICY, Shown, render
from pip_verify.publish.releases import Releases, Signers, Statement, counting, signers_of
from pip_verify.sources.statements import DEFAULT_TEMPLATE
from pip_verify.storage import locked, not_written, read_file, sync_directory, write_new

MANIFEST = ".pip-verify-site"

_MANIFEST_HEAD = "# Written by pip-verify keylist publish, which replaces this directory as a whole.\n"
_MANIFEST_MAX_BYTES = 16 * 1024 * 1024  # some hundred thousand files
_LINE_RE = re.compile(r"([0-9a-f]{64})  (\S.*)\Z")
_HOST_RE = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]\Z")
_NAME_RE = re.compile(r"[^/\\\0%?#:]{1,255}\Z")  # a segment of a path that means the same on disk and in a URL
_MAX_AGE = 300  # seconds: soon enough for a revocation, and what verifiers assume unless told otherwise

_HEADERS = f"""\
/*
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
  Content-Security-Policy: {POLICY}; frame-ancestors 'none'
/{LIST_NAME}
  Content-Type: application/jwk-set+json
  Cache-Control: public, max-age={_MAX_AGE}
/*.jws
  Content-Type: application/jose+json
  Cache-Control: public, max-age={_MAX_AGE}
"""


class Site(NamedTuple):
    """files: contents by path. unsigned: the releases on it that no signature counts for."""

    files: Mapping[str, bytes]
    unsigned: Sequence[Statement]
    placed: bool  # whether the statements are where the list says


def build_site(
    data: bytes, key_list: KeyList, releases: Releases, *, now: float, host: str = "", force: bool = False
) -> Site:
    """The files of a site. data: the key list, as it is to be served; host: for ``CNAME``, "" for none.

    A release whose signers are all known to the list, but retired or revoked, is published and told: what it says of
    them is the list's to say. force: so is one whose signers the list does not know at all.

    Raises the first fault of ``releases``, EvidenceError for a signature that does not verify, UsageError for a
    release that no key on the list has signed, a host that is none, and a template that leads two statements to one
    place.
    """
    for fault in releases.faults:
        raise fault
    shown = []
    for statement in releases.statements:
        signers = signers_of(statement, key_list)
        _refuse_bad(statement, signers)
        if not signers.proved and not force:
            raise _signed_by_nobody(statement, signers)
        paths = _paths(statement, key_list.releases) or _paths(statement, None)
        shown.append(Shown(statement, paths, counting(signers.proved, key_list, now)))
    address = f"https://{_host(host)}/{LIST_NAME}" if host else ""
    files = {LIST_NAME: data, "index.html": render(key_list, shown, now=now, address=address)}
    files |= {".nojekyll": b"", "_headers": _HEADERS.encode("ascii")}
    if host:
        files["CNAME"] = f"{host}\n".encode("ascii")
    _add_statements(files, shown)
    placed = all(_paths(statement, key_list.releases) for statement in releases.statements)
    return Site(files, [release.statement for release in shown if not release.signers], placed)


def write_site(directory: Path, files: Mapping[str, bytes]) -> None:
    """Make ``directory`` hold these files and no others; another process that reads it sees the one or the other.

    Between the two renames it is away for a moment; killed there, or before, the next call clears up.

    Raises UsageError when what is there is not a site that this wrote, whole and unchanged, and when the system
    refuses; ``directory`` is then as it was.
    """
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 - "site/." has a name then; no link is followed
    with locked(directory):
        _clear_up(directory)
        refuse_foreign(directory)
        aside = directory.parent / f".{directory.name}.{secrets.token_hex(8)}.tmp"
        old = aside.with_suffix(".old")
        try:
            _write_all(aside, {**files, MANIFEST: _manifest(files)})
            _swap(directory, aside, old)
        except OSError as error:
            raise not_written(directory, error) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def refuse_foreign(directory: Path) -> None:
    """Raise UsageError unless there is nothing at ``directory``, an empty one, or just what this module wrote."""
    if not os.path.lexists(directory):
        return
    expected = "a new directory, or one that only keylist publish has written"
    hint = "name another directory"
    if directory.is_symlink() or not directory.is_dir():
        raise UsageError(str(directory), expected=expected, got="something that is no directory", hint=hint)
    found = _found(directory)
    if not found:
        return
    listed = read_manifest(directory) if MANIFEST in found else {}
    for path in sorted(found - {MANIFEST}):
        if path not in listed:
            raise UsageError(str(directory), expected=expected, got=f"one with {path}", hint=hint)
        if _sha256((directory / path).read_bytes()) != listed[path]:
            got = f"another {path} than it wrote"
            hint = "move it away; what shall be on the site must come from the list and the statements"
            raise UsageError(str(directory), expected=expected, got=got, hint=hint)


def read_manifest(directory: Path) -> dict[str, str]:
    """The files of a published site, and their hex sha256; raises UsageError when ``directory`` is none."""
    path = directory / MANIFEST
    hint = "pip-verify keylist publish LIST DIR"
    expected = "a directory that keylist publish has written"
    data, _ = read_file(path, max_bytes=_MANIFEST_MAX_BYTES, expected=expected, hint=hint)
    lines = data.decode("utf-8", "replace").splitlines()[1:]
    matches = [_LINE_RE.match(line) for line in lines]
    found = {match[2]: match[1] for match in matches if match is not None}
    if len(found) != len(lines) or any(not _inside(name) for name in found):
        raise UsageError(str(path), expected="lines of a digest and a path inside the site", got="others", hint=hint)
    return found


def _refuse_bad(statement: Statement, signers: Signers) -> None:
    if signers.bad:
        raise EvidenceError(
            str(statement.path),
            expected="good signatures",
            got=f"a bad one by {signers.bad[0]}",
            hint="somebody changed the statement or the signature: restore it from your repository, or sign it again",
        )


def _signed_by_nobody(statement: Statement, signers: Signers) -> UsageError:
    return UsageError(
        str(statement.path),
        expected="a signature by a key on the list",
        got=f"only by {', '.join(signers.strangers)}",
        hint="pip-verify keylist add LIST KEY, or sign it again with a key on the list; --force publishes it all the "
        "same, and nobody can install it",
    )


def _paths(statement: Statement, template: str | None) -> list[str]:
    """Where the template wants the statement, as paths on the site; none where it leads elsewhere."""
    files = [subject.name for subject in statement.claim.subjects]
    values = {"project": statement.project, "version": statement.version}
    stated = DEFAULT_TEMPLATE if template is None else template
    if "{filename}" not in stated:
        files = files[:1]
    written = [re.sub(r"\{(\w+)\}", lambda name: (values | {"filename": file})[name[1]], stated) for file in files]  # noqa: B023
    if not all(_NAME_RE.match(name) for path in written for name in path.split("/")):
        return []
    paths = [_resolved(path) for path in written]
    return list(dict.fromkeys(paths)) if all(_inside(path) for path in paths) else []


def _resolved(path: str) -> str:
    """A relative path of plain names without its dot segments (RFC 3986 section 5.2.4), but for those that lead above
    the list: where on its host the site is, nobody has said."""
    kept: list[str] = []
    names = path.split("/")
    for name in names:
        if name == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif name != ".":
            kept.append(name)
    return "/".join([*kept, ""] if names[-1] in {".", ".."} else kept)


def _inside(path: str) -> bool:
    """Whether it is a relative path that means the same on disk and, percent-encoded, in a URL."""
    return all(_NAME_RE.match(name) and name not in {".", ".."} for name in path.split("/"))


def _host(host: str) -> str:
    if not _HOST_RE.match(host):
        expected, hint = "a host name in lower case, such as keys.example", "name the host alone, without https://"
        raise UsageError("--cname", expected=expected, got=ascii(host[:80]), hint=hint)
    return host


def _add_statements(files: dict[str, bytes], shown: Sequence[Shown]) -> None:
    for release in shown:
        for path in release.paths:
            if files.setdefault(path, release.statement.data) != release.statement.data:
                raise UsageError(
                    str(release.statement.path),
                    expected=f"a place of its own on the site, not {path}",
                    got="one that another file has",
                    hint='correct the template "releases" of the key list: it needs {project} and {version}',
                )


def _manifest(files: Mapping[str, bytes]) -> bytes:
    lines = (f"{_sha256(data)}  {path}\n" for path, data in sorted(files.items()))
    return (_MANIFEST_HEAD + "".join(lines)).encode("utf-8")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _found(directory: Path) -> set[str]:
    """Every file below, and every directory that is empty or a link, as paths with slashes."""
    names = set()
    for path in _walk(directory):
        names.add(path.relative_to(directory).as_posix())
    return names


def _walk(directory: Path) -> Iterator[Path]:
    for entry in sorted(directory.iterdir()):
        if entry.is_dir() and not entry.is_symlink() and any(entry.iterdir()):
            yield from _walk(entry)
        else:
            yield entry


def _write_all(directory: Path, files: Mapping[str, bytes]) -> None:
    """All of it is on the disk before it takes the place of the old site: after a power loss the manifest would not
    fit, and the next call would refuse the directory."""
    directory.mkdir()
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, partial(_write, data), mode=0o666)
    for folder, _, _ in os.walk(directory):
        sync_directory(Path(folder))


def _write(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def _clear_up(directory: Path) -> None:
    """What a killed process left: under the lock, nobody else is at work. An old site that was away comes back."""
    left = re.compile(rf"\.{re.escape(directory.name)}\.[0-9a-f]{{16}}\.(?:tmp|old)\Z")
    for path in [path for path in directory.parent.iterdir() if left.match(path.name)]:
        if path.suffix == ".old" and not os.path.lexists(directory):
            path.rename(directory)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _swap(directory: Path, aside: Path, old: Path) -> None:
    if not os.path.lexists(directory):
        aside.rename(directory)
        sync_directory(directory.parent)
        return
    directory.rename(old)
    try:
        aside.rename(directory)
    except OSError:
        old.rename(directory)
        raise
    sync_directory(directory.parent)
    with contextlib.suppress(OSError):  # the new site is in place; what is left of the old one is no failure
        shutil.rmtree(old)
