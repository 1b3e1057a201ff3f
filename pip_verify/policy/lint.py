"""Mistakes in a trust file, all at once, and in what requirement files say beside it: remarks go out.

The parser stops at the first thing it refuses; here each table is read by itself, by the same parser. Beyond that: a
mode that stops nothing, exemptions that ended or soon will, projects that two publishers claim equally, and pins of
requirements that the trust file cannot resolve, or that take an exemption away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pip_verify.errors import PipVerifyError
from pip_verify.pins import Origin
from pip_verify.policy.model import Exemption, Policy
from pip_verify.policy.parse import decode, header_lines, load, parse_document, parse_pyproject, parse_trust_file
from pip_verify.requirements.lint import Remark, remark_of
from pip_verify.requirements.model import ParsedFile

SOON = 14 * 24 * 3600  # seconds before an exemption ends in which that is remarked on

_LINE_RE = re.compile(r" \(at line ([0-9]+), column [0-9]+\)")


def lint_trust_file(
    data: bytes, name: str, *, now: float, pyproject: bool = False
) -> tuple[Policy | None, list[Remark]]:
    """A trust file's policy, None where it has none or is refused, and every mistake in it.

    now: seconds since the epoch. pyproject: read ``[tool.pip-verify]``. Raises nothing.
    """
    try:
        policy = parse_pyproject(data, name) if pyproject else parse_trust_file(data, name)
    except PipVerifyError as error:
        return None, _all_faults(data, name, pyproject=pyproject) or [_syntax_fault(error, name)]
    return policy, [] if policy is None else list(lint_policy(policy, now=now))


def lint_policy(policy: Policy, *, now: float) -> Iterator[Remark]:
    """What is wrong, or soon will be, with a policy that can be read. now: seconds since the epoch."""
    if policy.mode == "report":
        text = 'policy.mode is "report": what is refused is told, and installed'
        yield Remark(
            Origin(str(policy.source)), text, 'write mode = "enforce" once the reports are clean', warning=True
        )
    for exemption in policy.exemptions:
        yield from _ending(exemption, now)
        try:
            policy.publisher_for(exemption.project)
        except PipVerifyError as error:
            yield remark_of(error, exemption.origin)


def lint_pins(parsed: ParsedFile, policy: Policy) -> Iterator[Remark]:
    """What the trust file makes wrong with a requirement file: pins that it cannot resolve, projects that it leaves
    ambiguous, and pins beside an exemption, which is then not enough."""
    for requirement in parsed.requirements:
        if requirement.project is None:
            continue
        try:
            policy.pins_for(requirement.project, requirement.pins)
        except PipVerifyError as error:
            yield remark_of(error, requirement.origin)
        exemption = policy.exemption_for(requirement.project)
        if exemption is not None and requirement.pins:
            text = f"{requirement.project} is pinned here and exempt at {exemption.origin}, which is then not enough"
            yield Remark(requirement.pins[0].origin, text, "remove the pin or the exemption")


def _ending(exemption: Exemption, now: float) -> Iterator[Remark]:
    hint = "pip-verify renew, or remove the exemption"
    what = f"the exemption of {exemption.project}"
    if exemption.ends is not None and not exemption.active(now):
        yield Remark(exemption.origin, f"{what} ended with {exemption.until}", hint)
    elif exemption.ends is not None and exemption.ends - now <= SOON:
        yield Remark(exemption.origin, f"{what} ends with {exemption.until}", hint, warning=True)


def _all_faults(data: bytes, name: str, *, pyproject: bool) -> list[Remark]:
    """What the parser refuses in each part of a trust file, in the order of the parts; [] where no part alone is at
    fault, as in a file that is no TOML."""
    path = "tool.pip-verify" if pyproject else ""
    remarks = []
    try:
        text = decode(data, name)
        document: Any = load(text, name)
        for key in path.split(".") if path else ():
            document = document[key]
        parts = list(_parts(document))
    except (PipVerifyError, KeyError, TypeError, AttributeError):
        return []
    header = header_lines(text).get(f"[{path}.policy]" if path else "[policy]", [0])[0]
    for part in parts:
        try:
            parse_document(part, text, name, path)
        except PipVerifyError as error:
            remarks.append(remark_of(error, Origin(name, header if "policy" in part else 0)))
    return remarks


def _parts(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The document, cut into documents of one table or setting each. Before and behind an exemption stand others
    that are in order, so that it keeps its number and its line."""
    for key, value in document.items():
        if key == "exempt" and isinstance(value, list):
            sound = [{"project": f"project-{number}", "reason": "sound"} for number in range(len(value))]
            yield from ({key: [*sound[:number], one, *sound[number + 1 :]]} for number, one in enumerate(value))
        elif key in {"policy", "publishers"} and isinstance(value, dict):
            yield from ({key: {name: content}} for name, content in value.items())
        else:
            yield {key: value}


def _syntax_fault(error: PipVerifyError, name: str) -> Remark:
    remark = remark_of(error, Origin(name))
    match = _LINE_RE.search(remark.text)
    return remark if match is None else Remark(Origin(name, int(match[1])), remark.text, remark.hint)
