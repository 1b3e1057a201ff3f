"""The human page of a published key list: one HTML file that loads nothing, sends nothing and runs no script.

Every value in it passes through ``one_line`` and is escaped; links are relative and percent-encoded. The same list,
statements and standing of the keys give the same bytes: no date of today is in it.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

from packaging.version import Version

from pip_verify.keys import KeyList, ListedKey, PublicKey
from pip_verify.publish.listwords import facts, standing
from pip_verify.publish.releases import Statement
from pip_verify.report.safe import one_line
from pip_verify.report.words import counted

LIST_NAME = "keys.json"

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #d8dde3;
  --good: #1a7f37; --bad: #c21f2e; --warn: #8a5a00; --link: #0b5cad;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1217; --card: #171d24; --ink: #e7ebf0; --soft: #9ba7b4; --line: #2d3640;
    --good: #56d37b; --bad: #ff8585; --warn: #f0bf57; --link: #79b8ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 60rem; padding: 1.5rem 1.25rem 3rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .7rem; }
h3 { font-size: 1rem; margin: 0; }
footer { color: var(--soft); font-size: .8125rem; margin-top: 2.2rem; }
code { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
code, bdi, dd { overflow-wrap: anywhere; }
p { margin: .4rem 0; }
a { color: var(--link); }
.soft { color: var(--soft); }
.card {
  background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--soft); border-radius: .6rem;
  padding: .8rem 1rem; margin: 0 0 .8rem; break-inside: avoid;
}
.card.good { border-left-color: var(--good); } .card.bad { border-left-color: var(--bad); }
.card.warn { border-left-color: var(--warn); }
.pill { font-size: .8125rem; font-weight: 700; }
.good .pill, .pill.good { color: var(--good); } .bad .pill, .pill.bad { color: var(--bad); }
.warn .pill { color: var(--warn); }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .15rem 1rem; margin: .5rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; }
ul { list-style: none; margin: .4rem 0 0; padding: 0; }
summary { cursor: pointer; font-weight: 600; }
details section { border-top: 1px solid var(--line); margin-top: .7rem; padding-top: .7rem; }
@media (max-width: 42rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .3rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } }
"""

_STYLE_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
# CSP level 3: nothing but this style; frame-ancestors counts in a header only, and stands there
POLICY = f"default-src 'none'; style-src {_STYLE_SOURCE}; base-uri 'none'; form-action 'none'"

_KINDS = {"may sign": "good", "not yet": "warn", "ended": "warn", "revoked": "bad"}


@dataclass(frozen=True)
class Shown:
    """A statement on the page. paths: where it is on the site; signers: whose signatures count."""

    statement: Statement
    paths: Sequence[str]
    signers: Sequence[PublicKey]


def render(key_list: KeyList, releases: Sequence[Shown], *, now: float, address: str = "") -> bytes:
    """The page, in ASCII. address: of the key list, "" where it is not known yet."""
    body = "".join(_body(key_list, releases, now, address))
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Signing keys</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
    return text.encode("ascii", "xmlcharrefreplace")


def _body(key_list: KeyList, releases: Sequence[Shown], now: float, address: str) -> Iterator[str]:
    able = sum(entry.refusal(now) is None for entry in key_list.keys)
    yield "<header>\n<h1>Signing keys</h1>\n"
    yield f"<p>{counted(len(key_list.keys), 'key')}, of which {able} may sign. The keys on "
    yield f'<a href="{LIST_NAME}">{LIST_NAME}</a> as it is now are the only valid ones.</p>\n'
    yield f"<p>To install only what they signed: {_pin(address)}</p>\n</header>\n<main>\n<h2>Keys</h2>\n"
    for entry in key_list.keys:
        yield from _key(entry, now)
    yield f"<h2>{counted(len(releases), 'signed release')}</h2>\n"
    names = {entry.key: entry.label for entry in key_list.keys if entry.label is not None}
    for project, shown in groupby(_in_order(releases), key=lambda shown: shown.statement.project):
        yield from _project(project, list(shown), names)
    yield "</main>\n<footer>Compare a key with what its publisher says elsewhere: "
    yield "this page proves no more than its host does.</footer>\n"


def _pin(address: str) -> str:
    if not address:
        return f"<code>--key-list=</code> and the address of {LIST_NAME}."
    return f"<code>pip-verify install PROJECT --key-list={_t(address)}</code>"


def _key(entry: ListedKey, now: float) -> Iterator[str]:
    word = standing(entry, now)
    rows = [("fingerprint", f"<code>{_t(entry.key.thumbprint)}</code>")]
    rows += [(name, f"<bdi>{_t(value)}</bdi>") for name, value in facts(entry)]
    yield f'<section class="card {_KINDS[word]}">\n<h3><code>{_t(entry.key.text)}</code></h3>\n'
    yield f'<p class="pill">{_t(word)}</p>\n'
    yield f"<dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in rows)}</dl>\n</section>\n"


def _in_order(releases: Sequence[Shown]) -> list[Shown]:
    """By project; of each the newest version first."""
    newest = sorted(releases, key=lambda shown: Version(shown.statement.version), reverse=True)
    return sorted(newest, key=lambda shown: shown.statement.project)


def _project(project: str, shown: Sequence[Shown], names: Mapping[PublicKey, str]) -> Iterator[str]:
    yield f'<details class="card" open>\n<summary>{_t(project)} '
    yield f'<span class="soft">{counted(len(shown), "release")}</span></summary>\n'
    for release in shown:
        yield from _release(release, names)
    yield "</details>\n"


def _release(shown: Shown, names: Mapping[PublicKey, str]) -> Iterator[str]:
    statement = shown.statement
    links = ", ".join(f'<a href="{_link(path)}">statement</a>' for path in shown.paths)
    yield f'<section>\n<h3>{_t(statement.release)} <span class="soft">{links}</span></h3>\n'
    if shown.signers:
        signers = ", ".join(f"<code>{_t(names.get(key, key.text))}</code>" for key in shown.signers)
        yield f"<p>Signed by {signers}</p>\n<ul>\n"
    else:
        yield '<p class="pill bad">No signature of it counts any more</p>\n<ul>\n'
    for subject in statement.claim.subjects:
        yield f'<li><bdi>{_t(subject.name)}</bdi> <code class="soft">sha256:{_t(subject.sha256)}</code></li>\n'
    yield "</ul>\n</section>\n"


def _link(path: str) -> str:
    """A relative reference: ``./`` lest its first segment be read as a scheme (RFC 3986 section 4.2)."""
    return html.escape("./" + quote(path))


def _t(text: str) -> str:
    return html.escape(one_line(text))
