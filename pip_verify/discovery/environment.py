"""What is installed in an environment, read from its metadata directories; nothing of the environment is run."""

from __future__ import annotations

from collections.abc import Iterable
from email.parser import HeaderParser
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from pathlib import Path

from pip_verify.artifact.name import canonical_version, normalise
from pip_verify.errors import EvidenceError


def installed(directories: Iterable[Path]) -> tuple[list[tuple[str, str]], list[str]]:
    """Project and version of what is installed, sorted; and in words what is from no index (PEP 610), or broken."""
    releases: set[tuple[str, str]] = set()
    problems: set[str] = set()
    # not distributions(): that asks every finder on sys.meta_path, and a backport there behaves in its own way
    where_to_look = DistributionFinder.Context(path=[str(path) for path in directories])
    for distribution in MetadataPathFinder.find_distributions(where_to_look):
        where = str(getattr(distribution, "_path", "a distribution"))
        try:
            name, version = _identity(distribution)
        except EvidenceError as error:
            problems.add(f"{Path(where).name}: its metadata cannot be read ({error}): it is left out")
            continue
        if distribution.read_text("direct_url.json") is not None:
            problems.add(f"{name} {version}: installed from a directory or URL and not from an index: it is left out")
        else:
            releases.add((name, version))
    return sorted(releases), sorted(problems)


def _identity(distribution: Distribution) -> tuple[str, str]:
    fields = HeaderParser().parsestr(distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "")
    name, version = fields["Name"], fields["Version"]
    if not name or not version:
        raise EvidenceError("METADATA", expected="Name and Version", got="neither or one")
    return normalise(name), canonical_version(version)
