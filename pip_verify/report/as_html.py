"""The report as one HTML page for people: it loads nothing, sends nothing, and needs no script to be read whole.

A value from elsewhere passes through ``one_line`` (no control, direction or invisible characters, no URL's secrets)
and is escaped; it stands as text between tags and never in a tag, a link, a style or the script. Tags and what the
bar is drawn with are ours alone. The same run gives the same bytes.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from pip_verify import __version__
from pip_verify.errors import PipVerifyError
from pip_verify.report import words
from pip_verify.report.html_parts import ICONS, POLICY, SCRIPT, STYLE
from pip_verify.report.safe import one_line
from pip_verify.report.tally import SIGNED, by_weight, signer_of
from pip_verify.verdict import Decision, Looked, Reason, Run, Verdict

_CHIPS = {
    "refused": "Refused",
    "undecided": "Not decided",
    "exempt": "Exempt",
    "other": "Accepted unsigned",
    "signed": "Signed",
}
_CARDS = ("refused", "undecided")  # shown in full, before all else; the others are rows of a table
_SEARCH = "Search artifacts, reasons, files"


def render(run: Run) -> str:
    """The report as one HTML document, complete: every artifact stands in it in full."""
    groups: dict[str, list[Verdict]] = {name: [] for name in _CHIPS}
    for verdict in by_weight(run):
        groups[_group_of(verdict)].append(verdict)
    title, kind = _headline(run, groups)
    mode = words.mode_line(run)
    text = "".join(
        (
            "<!DOCTYPE html>\n",
            '<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="referrer" content="no-referrer">\n',
            f"<title>{_t(f'{mode}: ' if mode else '')}pip-verify: {_t(title)}</title>\n",
            f"<style>{STYLE}</style>\n</head>\n<body>\n",
            f'<p class="mode" role="note">{_t(mode.capitalize())}</p>\n' if mode else "",
            _header(run, groups, title, kind),
            '<main class="wrap">\n',
            _tools(groups),
            *(_section(name, groups[name]) for name in _CARDS),
            _notes(run),
            *(_section(name, groups[name]) for name in _CHIPS if name not in _CARDS),
            _untouched(run),
            "</main>\n",
            f'<footer class="wrap">pip-verify {_t(__version__)}. This page is complete in itself: ',
            "it loads nothing and sends nothing.</footer>\n",
            f"<script>{SCRIPT}</script>\n</body>\n</html>\n",
        )
    )
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")  # whatever encoding standard output has


def _t(text: str) -> str:
    """A value as harmless text between tags."""
    return html.escape(one_line(text))


def _v(text: str) -> str:
    """A value from elsewhere: as ``_t``, and right-to-left letters in it do not reorder what stands beside it."""
    return f"<bdi>{_t(text)}</bdi>"


def _group_of(verdict: Verdict) -> str:
    if not verdict.accepted:
        return "refused" if verdict.decision is Decision.REJECT else "undecided"
    if verdict.by == "exemption":
        return "exempt"
    return "signed" if verdict.by in SIGNED else "other"


# The head.


def _headline(run: Run, groups: dict[str, list[Verdict]]) -> tuple[str, str]:
    """What the whole run came to, in words, and the kind of its icon."""
    total = len(run.verdicts)
    if groups["refused"]:
        return f"{len(groups['refused'])} of {words.artifacts(total)} refused", "bad"
    if run.errors:
        return "Stopped by an error", "bad"
    if groups["undecided"]:
        return f"{len(groups['undecided'])} of {words.artifacts(total)} not decided", "warn"
    if words.coverage_missed(run) or run.exit_code:
        return words.outcome(run).capitalize(), "warn"
    return (f"{words.artifacts(total)} accepted" if total else "Nothing was looked at"), "good"


def _header(run: Run, groups: dict[str, list[Verdict]], title: str, kind: str) -> str:
    facts = [f"<b>pip-verify</b> {_v(run.command)}", f"mode <b>{_t(run.mode)}</b>", f"exit code <b>{run.exit_code}</b>"]
    facts += [] if run.pip_exit_code is None else [f"pip&#39;s own <b>{run.pip_exit_code}</b>"]
    facts += [f"{run.seconds:.2f} s"]
    outcome = words.outcome(run).capitalize()
    icon = (
        f'<svg class="icon {kind}" viewBox="0 0 24 24" aria-hidden="true"><circle class="disc" cx="12" cy="12" r="11"/>'
    )
    return "".join(
        (
            '<header>\n<div class="wrap">\n<p class="name">',
            *(f"<span>{fact}</span>" for fact in facts),
            f'</p>\n<div class="result">{icon}{ICONS[kind]}</svg><div><h1>{_t(title)}</h1>',
            f"<p>{_t(outcome)}.</p>" if outcome and outcome != title else "",
            "</div></div>\n",
            _tiles(run, groups),
            _coverage(run, groups) if run.verdicts else "",
            "</div>\n</header>\n",
        )
    )


def _tiles(run: Run, groups: dict[str, list[Verdict]]) -> str:
    kinds = {"refused": "bad", "undecided": "warn", "exempt": "calm", "other": "calm", "signed": "good"}
    shown = [(_CHIPS[name], len(members), kinds[name]) for name, members in groups.items()]
    shown.append(("Not looked at", len(run.installed), ""))
    shown += [("Left out (platform)", run.left_out, "")] if run.left_out else []
    tiles = [
        f'<div class="tile {kind if number else "none"}"><dt>{name}</dt><dd>{number}</dd></div>\n'
        for name, number, kind in shown
    ]
    return "".join(('<dl class="tiles">\n', *tiles, "</dl>\n"))


def _coverage(run: Run, groups: dict[str, list[Verdict]]) -> str:
    """A bar of all artifacts in four parts, the share asked for marked on it, and the same in words."""
    parts = [
        ("good", "signed", len(groups["signed"])),
        ("calm", "accepted without a signature", len(groups["exempt"]) + len(groups["other"])),
        ("warn", "not decided", len(groups["undecided"])),
        ("bad", "refused", len(groups["refused"])),
    ]
    bars, left, scale = [], 0.0, 1000 / len(run.verdicts)
    for kind, _, number in parts:
        bars.append(f'<rect class="{kind}" x="{left:.2f}" y="0" width="{number * scale:.2f}" height="10"/>')
        left += number * scale
    if run.min_coverage is not None:
        bars.append(f'<rect class="wanted" x="{min(run.min_coverage * 10, 997):.2f}" y="0" width="3" height="10"/>')
    share = words.coverage_line(run) or f"coverage {run.signed} of {len(run.verdicts)} signed"
    legend = [f'<li><i class="{kind}"></i>{number} {name}</li>' for kind, name, number in parts if number]
    return "".join(
        (
            '<div class="coverage"><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">',
            *bars,
            f'</svg>\n<ul class="legend"><li><strong>{_t(share.capitalize())}</strong></li>',
            *legend,
            "</ul></div>\n",
        )
    )


def _tools(groups: dict[str, list[Verdict]]) -> str:
    """Search and filter; they stay hidden without a script, when everything is shown."""
    names = [("", "All", sum(map(len, groups.values())))]
    names += [(name, label, len(groups[name])) for name, label in _CHIPS.items() if groups[name]]
    chips = [
        f'<button type="button" value="{name}" aria-pressed="{"false" if name else "true"}">{label} {number}</button>'
        for name, label, number in names
    ]
    return "".join(
        (
            '<div class="tools" role="search" hidden>',
            f'<input type="search" aria-label="{_SEARCH}" placeholder="{_SEARCH}">',
            '<div class="chips" role="group" aria-label="Show">',
            *chips,
            '</div><p role="status"></p></div>\n',
        )
    )


# What stopped the run, and warnings.


def _notes(run: Run) -> str:
    notes = [_error(error) for error in run.errors]
    notes += [f'<p class="note"><span class="pill warn">WARNING</span> {_v(warning)}</p>\n' for warning in run.warnings]
    return f"<section>\n<h2>Of the run</h2>\n{''.join(notes)}</section>\n" if notes else ""


def _error(error: PipVerifyError) -> str:
    facts = [_fact(name, _v(value)) for name, value in (("expected", error.expected), ("got", error.got)) if value]
    hint = f'<p class="next"><b>Next</b> {_v(error.hint)}</p>' if error.hint else ""
    head = f'<p class="top"><span class="pill bad">ERROR</span> <strong>{_v(error.subject)}</strong></p>'
    return f'<div class="note bad">{head}{_facts(facts)}{hint}</div>\n'


# Artifacts.


def _section(name: str, verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return ""
    cards = name in _CARDS
    items = "".join(_card(verdict, name) if cards else _row(verdict, name) for verdict in verdicts)
    if not cards:
        titles = ["Project", "How", *(["Where it was proved"] if name == "signed" else []), "Required by"]
        head = "".join(f'<th scope="col">{title}</th>' for title in titles)
        items = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{items}</tbody>\n</table>\n"
    number = f'<span class="n">{words.artifacts(len(verdicts))}</span>'
    return f"<section>\n<h2>{_CHIPS[name]} {number}</h2>\n{items}</section>\n"


def _card(verdict: Verdict, group: str) -> str:
    what, why = words.decision_words(verdict)
    kind = "bad" if group == "refused" else "warn"
    first = verdict.reasons[:1]
    return "".join(
        (
            f'<article class="card {kind}" data-d="{group}">\n',
            f'<div class="top"><span class="pill {kind}">{what}</span><h3>{_name(verdict)}</h3></div>\n',
            f'<p class="file mono">{_v(verdict.artifact.filename)}</p>\n',
            *(f'<p class="why"><code>{reason.id}</code>{_t(reason.help)}</p>\n' for reason in first),
            f"<p>{_t(why.capitalize())}.</p>\n" if why and why not in [reason.help for reason in first] else "",
            _facts([*_of_reason(verdict, first), *_about(verdict)]),
            *(f'<p class="next"><b>Next</b> {_v(words.next_step(reason))}</p>\n' for reason in first),
            "</article>\n",
        )
    )


def _name(verdict: Verdict) -> str:
    artifact = verdict.artifact
    if not artifact.project:
        return _v(artifact.filename)
    return _v(artifact.project) + (f" <span>{_v(artifact.version)}</span>" if artifact.version else "")


def _of_reason(verdict: Verdict, first: Sequence[Reason]) -> Iterable[str]:
    for reason in first:
        where = "" if reason.subject == verdict.artifact.filename else reason.subject
        yield from (_fact(name, _v(value)) for name, value in (("at", where), ("expected", reason.expected)) if value)
        if reason.got:
            yield f'<dt>got</dt><dd class="got">{_v(reason.got)}</dd>'


def _about(verdict: Verdict) -> Iterable[str]:
    if verdict.origins:
        yield _fact("required by", _origins(verdict))
    if verdict.reasons[1:]:
        yield _fact("also", _list(f"<code>{r.id}</code> {_t(r.help)}: {_v(r.subject)}" for r in verdict.reasons[1:]))
    if verdict.looked:
        yield _fact("looked", _list(_look(look) for look in verdict.looked))
    if verdict.artifact.sha256:
        yield _fact("sha256", f'<code class="quiet">{_v(verdict.artifact.sha256)}</code>')


def _look(look: Looked) -> str:
    return f"{words.PLACES[look.place.kind]} <code>{_v(look.place.location)}</code>: {_v(look.outcome)}"


def _origins(verdict: Verdict) -> str:
    return _list(f"<code>{_v(str(origin))}</code>" for origin in dict.fromkeys(verdict.origins))


def _row(verdict: Verdict, group: str) -> str:
    cells = [
        f'<strong>{_name(verdict)}</strong><span class="mono">{_v(verdict.artifact.filename)}</span>',
        _how(verdict),
    ]
    if group == "signed":
        cells.append(_proved(verdict))
    cells.append(_origins(verdict) if verdict.origins else "")
    return f'<tr data-d="{group}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>\n'


def _proved(verdict: Verdict) -> str:
    if verdict.place is None:
        return words.PLACES[""]
    return f'{words.PLACES[verdict.place.kind]}<span class="mono">{_v(verdict.place.location)}</span>'


def _how(verdict: Verdict) -> str:
    if verdict.by in SIGNED:
        first = "<small>recorded at this first use</small>" if verdict.by == "first-use" else ""
        keys = "".join(f'<span class="mono">{_v(key.text)}</span>' for key in verdict.keys)
        return f"signed by {_v(signer_of(verdict))}{first}{keys}"
    why = [part for reason in verdict.reasons for part in (reason.got, reason.expected) if part]
    return words.how(verdict) + "".join(f"<small>{_v(part)}</small>" for part in why)


def _untouched(run: Run) -> str:
    if not run.installed:
        return ""
    names = "".join(f"<li>{_v(name)}</li>" for name in run.installed)
    head = f'Installed already, not looked at <span class="n">nothing was checked about {len(run.installed)}</span>'
    return f'<section>\n<h2>{head}</h2>\n<ul class="plain">{names}</ul>\n</section>\n'


def _facts(facts: Sequence[str]) -> str:
    return f'<dl class="facts">{"".join(facts)}</dl>\n' if facts else ""


def _fact(name: str, value: str) -> str:
    return f"<dt>{name}</dt><dd>{value}</dd>"


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
