"""The JUnit report: one test case for each artifact, for the test tab of any CI. ``docs/report.md`` maps the words.

The shape is that of the Jenkins schema ``junit-10.xsd``. Every text is printable, so it holds no character that XML 1.0
(section 2.2) forbids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape  # of XML, too, and unlike xml.sax.saxutils it brings no HTTP client along

from pip_verify import __version__
from pip_verify.errors import PipVerifyError
from pip_verify.report import words
from pip_verify.report.safe import one_line
from pip_verify.report.tally import by_weight
from pip_verify.verdict import Decision, Run, Verdict


def render(run: Run) -> str:
    """The report as one XML document with one test suite."""
    cases = [*_of_the_run(run), *(_case(verdict) for verdict in by_weight(run))]
    counts = {
        "tests": len(cases),
        "failures": sum("<failure" in case for case in cases),
        "errors": sum("<error" in case for case in cases),
    }
    skipped = sum("<skipped" in case for case in cases)
    name = f"pip-verify {one_line(run.command)}".strip()
    text = "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f"<testsuites{_attributes({'name': 'pip-verify', 'time': _time(run.seconds), **counts})}>\n",
            f" <testsuite{_attributes({'name': name, 'time': _time(run.seconds), **counts, 'skipped': skipped})}>\n",
            _properties(run),
            *cases,
            *_notes(run),
            " </testsuite>\n</testsuites>\n",
        )
    )
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")  # whatever encoding standard output has


def _properties(run: Run) -> str:
    told: dict[str, object] = {"mode": words.mode_line(run) or "enforce"}
    told |= {"pip-verify": __version__, "command": run.command, "exit_code": run.exit_code}
    told |= {"outcome": words.outcome(run) or "everything was accepted"}
    told |= {"signed": run.signed, "coverage": f"{run.coverage:.2f}"}
    told |= {} if run.min_coverage is None else {"min_coverage": f"{run.min_coverage:g}"}
    told |= {"not_looked_at": len(run.installed), "left_out": run.left_out}
    lines = [f"   <property{_attributes({'name': name, 'value': value})}/>\n" for name, value in told.items()]
    return "".join(("  <properties>\n", *lines, "  </properties>\n"))


def _of_the_run(run: Run) -> Iterable[str]:
    """What went wrong beside artifacts, as test cases, so that nobody takes the run for a good one."""
    for error in run.errors:
        yield _element(error.subject, "run", 0, _problem("error", "error", error.subject, _parts_of(error)))
    if words.coverage_missed(run):
        line = words.coverage_line(run)
        yield _element("coverage", "run", 0, _problem("failure", "coverage", line, line))


def _case(verdict: Verdict) -> str:
    code = next((reason.id for reason in verdict.reasons), "")
    if verdict.accepted and verdict.by == "exemption":
        why = "; ".join(filter(None, (part for reason in verdict.reasons for part in (reason.got, reason.expected))))
        body = f"   <skipped{_attributes({'message': f'exempt, no signature was checked: {why}'})}/>\n"
    elif verdict.accepted:
        body = f"   <system-out>{escape(f'accepted: {one_line(words.how(verdict))}')}</system-out>\n"
    else:
        what, why = words.decision_words(verdict)
        kind = "failure" if verdict.decision is Decision.REJECT else "error"
        helps = next((reason.help for reason in verdict.reasons), "no reason stated")
        body = _problem(kind, code, f"{what}: {why or helps}", _details(verdict))
    return _element(verdict.artifact.filename, words.coordinate(verdict), verdict.seconds, body)


def _details(verdict: Verdict) -> str:
    lines = [f"required by: {one_line(words.required_by(verdict))}"] if verdict.origins else []
    for reason in verdict.reasons:
        lines.append(f"{reason.id} {reason.help}")
        parts = {"at": reason.subject, "expected": reason.expected, "got": reason.got, "next": words.next_step(reason)}
        lines += [f"  {name}: {one_line(value)}" for name, value in parts.items() if value]
    lines += [
        f"looked: {words.PLACES[look.place.kind]} {one_line(look.place.location)}: {one_line(look.outcome)}"
        for look in verdict.looked
    ]
    return "\n".join(lines)


def _parts_of(error: PipVerifyError) -> str:
    parts = {"expected": error.expected, "got": error.got, "next": error.hint}
    return "\n".join(f"{name}: {one_line(value)}" for name, value in parts.items() if value)


def _notes(run: Run) -> Iterable[str]:
    if run.installed:
        lines = "\n".join(f"installed already and not looked at: {one_line(name)}" for name in run.installed)
        yield f"  <system-out>{escape(lines)}</system-out>\n"
    if run.warnings:
        lines = "\n".join(f"WARNING {one_line(warning)}" for warning in run.warnings)
        yield f"  <system-err>{escape(lines)}</system-err>\n"


# XML.


def _element(name: str, classname: str, seconds: float, body: str) -> str:
    attributes = _attributes({"name": name, "classname": classname, "time": _time(seconds)})
    return f"  <testcase{attributes}>\n{body}  </testcase>\n"


def _problem(kind: str, code: str, message: str, details: str) -> str:
    return f"   <{kind}{_attributes({'type': code, 'message': message})}>{escape(details)}</{kind}>\n"


def _attributes(values: Mapping[str, object]) -> str:
    return "".join(f' {name}="{escape(one_line(str(value)))}"' for name, value in values.items())


def _time(seconds: float) -> str:
    """Seconds as the schema wants them: three decimals, no exponent."""
    return f"{seconds:.3f}"
