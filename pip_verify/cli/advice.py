"""What would make a refused file pass, as lines to paste: who signs it is found out, but never decided, here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pip_verify.errors import EvidenceError, PipVerifyError
from pip_verify.pins import Pin

if TYPE_CHECKING:
    from pip_verify.artifact.name import Artifact
    from pip_verify.config import Settings
    from pip_verify.discovery import Finding
    from pip_verify.inspection import Inspected
    from pip_verify.verdict import Verdict

Advise: TypeAlias = "Callable[[Verdict], str]"  # the lines, "" where the reason's own next step is all there is to say

_NO_PIN, _NOTHING_FOUND, _ENDED = "PV101", "PV102", "PV107"


def on_index(settings: Settings, pip_options: Sequence[str]) -> Advise:
    """Advice about files of the index: what their release says of its signer is tried there, once a release."""

    @cache
    def find(project: str, version: str) -> Finding | PipVerifyError:
        from pip_verify.cli.fresh import fresh_judge
        from pip_verify.discovery import Discoverer
        from pip_verify.sources.index import Index

        with tempfile.TemporaryDirectory(prefix="pip-verify-") as folder:
            judge, _ = fresh_judge(settings, Path(folder))
            discoverer = Discoverer(Index(pip_options), judge, statements_dir=settings.statements)
            try:
                return discoverer.find(project, version, ())
            except PipVerifyError as error:
                return error

    def advise(verdict: Verdict) -> str:
        artifact = verdict.artifact
        if verdict.reasons[0].id != _NO_PIN:
            return _without_signer(verdict)
        found = find(artifact.project, artifact.version)
        if isinstance(found, EvidenceError):
            return f"# nothing, before you know why its release shows {found.subject}: {found.got}"
        if isinstance(found, PipVerifyError):
            return f"# who signs it could not be found out ({found}); try again"
        if artifact.sha256 not in found.signed:
            return f"# {found.reason}\n{_exemption(artifact)}"
        return _publisher(artifact, found) if found.key_list is None else _pin(artifact, found.key_list)

    return advise


def on_disk(found: Inspected, under: Callable[[tuple[Pin, ...]], Verdict]) -> Advise:
    """Advice about a file on disk: it may name a key list itself. under: judges it under other pins."""

    def advise(verdict: Verdict) -> str:
        if verdict.reasons[0].id != _NO_PIN:
            return _without_signer(verdict)
        from pip_verify.artifact.metadata import key_list_urls

        for url in key_list_urls(found.carried().metadata):
            if under((Pin((), url),)).accepted:
                return _pin(found.artifact, url)
        return _exemption(found.artifact)

    return advise


def _without_signer(verdict: Verdict) -> str:
    code = verdict.reasons[0].id
    if code == _ENDED:
        return f"pip-verify renew {verdict.artifact.project}"
    return _exemption(verdict.artifact) if code == _NOTHING_FOUND else ""


def _pin(artifact: Artifact, url: str) -> str:
    asks = "# the release itself names this list, and is signed by it: is it the publisher's?"
    return f"{asks}\npip-verify pin {artifact.project} --key-list={url}"


def _publisher(artifact: Artifact, found: Finding) -> str:
    keys = ", ".join(f'"{key.text}"' for key in found.keys)
    formats = f'formats = ["{found.evidence}"]\n' if found.evidence == "record-jws" else ""
    return (
        f"# in pip-verify.toml; the release itself carries this key: is it the publisher's?\n"
        f'[publishers.{artifact.project}]\nkeys = [{keys}]\n{formats}projects = ["{artifact.project}"]'
    )


def _exemption(artifact: Artifact) -> str:
    return (
        f'# in pip-verify.toml, if you looked at these bytes yourself\n[[exempt]]\nproject = "{artifact.project}"\n'
        f'reason = "unsigned upstream"\nhashes = ["sha256:{artifact.sha256}"]'
    )
