"""What a lock allows, held against what the index lists: which files of the index are the locked ones.

Locked files and an index listing come in, candidates go out. Refused (PV312): a locked digest that is not the
index's for the same file name, and a release of which no locked digest is on the index. Of a digest that is there
beside known ones, nobody knows what it is: it is left out and named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pip_verify.artifact.name import parse_filename, same_version
from pip_verify.discovery.refusal import Refusal, RefusedError
from pip_verify.errors import EvidenceError
from pip_verify.lockfiles.model import LockedFile
from pip_verify.sources.address import redact
from pip_verify.sources.index import IndexFile
from pip_verify.verdict import Reason

# Computes digests of a file's bytes, by algorithm; raises RefusedError for other bytes than the index states.
DigestsOf = Callable[[IndexFile, Sequence[str]], Mapping[str, str]]

_STRONG = ("sha384", "sha512")
_LONG = 200
_DO_NOT = "do not install it; find out who changed the lock or the index, then make the lock anew"


@dataclass(frozen=True)
class Candidates:
    """files: the release's files that may be installed, each with its digest, sorted. listed: the digests of all files
    of the version on the index. problems: what was left out."""

    files: tuple[IndexFile, ...]
    listed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def match(
    project: str,
    version: str | None,
    locked: Sequence[LockedFile],
    listed: Sequence[IndexFile],
    digests_of: DigestsOf,
) -> Candidates:
    """The files that ``locked`` allows; without it all that are listed of ``version``.

    version: None where the lock states digests alone. digests_of: asked only where neither the index nor the lock
    states a sha256, and where the lock states a sha384 or sha512 instead. Raises RefusedError.
    """
    of_version = [file for file in listed if version is None or same_version(file.version, version)]
    if not of_version and all(_own(file) is None for file in locked):
        raise _absent(project, version)
    if not locked:
        files = _unambiguous(project, _unique(_with_digest(file, digests_of) for file in of_version))
        return Candidates(files, _digests(files))
    if not all(file.filename and file.sha256 for file in locked):
        of_version = [_with_digest(file, digests_of) for file in of_version]
    found: list[IndexFile] = []
    unknown: list[LockedFile] = []
    for file in locked:
        matching = _by_name(file, of_version) if file.filename else _by_digest(file, of_version)
        found += matching if file.sha256 is not None else _with_stated(file, matching, digests_of)
        if not matching:
            unknown.append(file)
    if not found:
        raise _none_known(project, unknown[0], of_version)
    return Candidates(_unique(found), _digests(of_version), tuple(_left_out(file) for file in unknown))


def _digests(files: Iterable[IndexFile]) -> tuple[str, ...]:
    return tuple(sorted({file.sha256 for file in files if file.sha256 is not None}))


def _by_name(locked: LockedFile, listed: Sequence[IndexFile]) -> list[IndexFile]:
    same_name = [file for file in listed if file.filename == locked.filename]
    own = _own(locked)
    if locked.sha256 is None:
        return [file for file in same_name if file.sha256 is not None]
    agreeing = [file for file in same_name if file.sha256 in (locked.sha256, None)]
    if same_name and not agreeing:
        raise _differs(locked, same_name[0])
    if own is not None and own.url.startswith("file:"):
        return [own]  # the bytes are here already
    if agreeing:
        return [replace(agreeing[0], sha256=locked.sha256)]
    return [] if own is None else [own]


def _by_digest(locked: LockedFile, listed: Sequence[IndexFile]) -> list[IndexFile]:
    if locked.sha256 is None:
        return list(listed)  # a lock with md5 alone says no more than the version
    return [file for file in listed if file.sha256 == locked.sha256][:1]


def _own(locked: LockedFile) -> IndexFile | None:
    """The file where the lock itself says it is; None when the lock does not say all that is needed."""
    if not (locked.filename and locked.sha256 and locked.url):
        return None
    try:
        named = parse_filename(locked.filename, project=locked.project)
    except EvidenceError:
        return None
    if locked.version is not None and not same_version(named.version, locked.version):
        return None
    url = locked.url.partition("#")[0]
    return IndexFile(locked.project, named.version, named.filename, url, locked.sha256)


def _with_digest(file: IndexFile, digests_of: DigestsOf) -> IndexFile:
    return file if file.sha256 is not None else replace(file, sha256=digests_of(file, ("sha256",))["sha256"])


def _with_stated(locked: LockedFile, files: Sequence[IndexFile], digests_of: DigestsOf) -> list[IndexFile]:
    """Of the files that a lock without sha256 may mean those with a digest it states; raises RefusedError for none.

    By weak digests alone (md5, sha1) all of them may be meant: a file can be made to have one.
    """
    strong = [(algorithm, digest) for algorithm, digest in locked.digests if algorithm in _STRONG]
    if not strong or not files:
        return list(files)
    algorithms = tuple(dict.fromkeys(algorithm for algorithm, _ in strong))
    found = []
    for file in files:
        computed = digests_of(file, ("sha256", *algorithms))
        if any(computed[algorithm] == digest for algorithm, digest in strong):
            found.append(replace(file, sha256=computed["sha256"]))
    if not found:
        raise _none_stated(locked, strong, files)
    return found


def _unique(files: Iterable[IndexFile]) -> tuple[IndexFile, ...]:
    """Each name and digest once, sorted; of several places the first by their URLs."""
    by_digest: dict[tuple[str, str | None], IndexFile] = {}
    for file in sorted(files, key=lambda file: (file.filename, file.sha256 or "", file.url)):
        by_digest.setdefault((file.filename, file.sha256), file)
    return tuple(by_digest.values())


def _unambiguous(project: str, files: tuple[IndexFile, ...]) -> tuple[IndexFile, ...]:
    """Without a lock nobody says which of two files of one name is meant."""
    for first, second in pairwise(files):
        if first.filename == second.filename:
            got = f"sha256:{first.sha256} at {redact(first.url)} and sha256:{second.sha256} at {redact(second.url)}"
            hint = "name one index (--index-url), or make a lock"
            reason = Reason("PV312", first.filename, "one digest for it on all indexes", got, hint)
            raise RefusedError(Refusal(project, reason))
    return files


def _absent(project: str, version: str | None) -> RefusedError:
    what = f"{project} {version}" if version else project
    hint = "name the index that has it (--extra-index-url), or write its [[exempt]] by hand"
    return RefusedError(Refusal(project, Reason("PV502", what, "its files on an index", "none", hint), absent=True))


def _differs(locked: LockedFile, listed: IndexFile) -> RefusedError:
    expected = f"sha256:{listed.sha256}, as {redact(listed.url)} is listed"
    reason = Reason("PV312", f"{locked.origin}: {locked.filename}", expected, f"sha256:{locked.sha256}", _DO_NOT)
    return RefusedError(Refusal(locked.project, reason))


def _none_known(project: str, locked: LockedFile, listed: Sequence[IndexFile]) -> RefusedError:
    expected = f"a digest of one of the {len(listed)} files of {project} {locked.version or ''} on the index"
    got = f"sha256:{locked.sha256}" if locked.sha256 else f"only the file name {locked.filename}"
    reason = Reason("PV312", str(locked.origin), expected.replace("  ", " "), got, _DO_NOT)
    return RefusedError(Refusal(project, reason))


def _none_stated(locked: LockedFile, strong: Sequence[tuple[str, str]], files: Sequence[IndexFile]) -> RefusedError:
    names = ", ".join(file.filename for file in files)
    expected = "a digest of " + (names if len(names) <= _LONG else f"one of {len(files)} files on the index")
    got = ", ".join(f"{algorithm}:{digest}" for algorithm, digest in strong)
    return RefusedError(Refusal(locked.project, Reason("PV312", str(locked.origin), expected, got, _DO_NOT)))


def _left_out(locked: LockedFile) -> str:
    what = " ".join(filter(None, (locked.filename, f"sha256:{locked.sha256}" if locked.sha256 else "")))
    return f"{locked.origin}: {locked.project}: {what} is locked, but on no index: it is left out"
