"""What the HTML report is dressed in: its style sheet, its script and its icons. Constants; nothing of a run."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #d8dde3; --well: #f0f2f5;
  --good: #1a7f37; --good-well: #e2f5e8; --bad: #c21f2e; --bad-well: #fdeaea; --warn: #8a5a00; --warn-well: #fff4d6;
  --calm: #5b54b8; --calm-well: #eeedfb; --link: #0b5cad; --shade: 0 1px 2px rgb(20 30 40 / 8%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1217; --card: #171d24; --ink: #e7ebf0; --soft: #9ba7b4; --line: #2d3640; --well: #10161c;
    --good: #56d37b; --good-well: #12301d; --bad: #ff8585; --bad-well: #3a1719; --warn: #f0bf57; --warn-well: #33270c;
    --calm: #b0a9ff; --calm-well: #242148; --link: #79b8ff; --shade: none;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
.wrap { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
code, .mono { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
code, bdi, td, dd, h3 { overflow-wrap: anywhere; }
h1, h2, h3, p, dl, dd, ul { margin: 0; }
h2 { font-size: 1.125rem; margin: 2.25rem 0 .75rem; display: flex; align-items: baseline; gap: .6rem; }
h2 .n { font-size: .8125rem; font-weight: 500; color: var(--soft); }
.mode {
  background: var(--warn-well); color: var(--warn); border-bottom: 1px solid currentcolor;
  text-align: center; font-weight: 600; padding: .6rem 1.25rem;
}
header { background: var(--card); border-bottom: 1px solid var(--line); padding: 1.75rem 0 1.5rem; }
.name {
  color: var(--soft); font-size: .875rem; display: flex; flex-wrap: wrap; gap: .35rem .9rem; margin-bottom: .9rem;
}
.name b { color: var(--ink); }
.result { display: flex; gap: 1rem; align-items: center; }
.result svg { flex: none; width: 3rem; height: 3rem; }
.result h1 { font-size: clamp(1.375rem, 4.5vw, 1.875rem); line-height: 1.2; letter-spacing: -.01em; }
.result p { color: var(--soft); margin-top: .2rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .calm { color: var(--calm); }
.icon .disc { fill: currentcolor; }
.icon .mark { fill: none; stroke: var(--card); stroke-width: 2.5; stroke-linecap: round; }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .75rem; margin-top: 1.5rem;
}
.tile {
  border: 1px solid var(--line); border-radius: .6rem; padding: .65rem .85rem; display: flex;
  flex-direction: column-reverse; justify-content: flex-end;
}
.tile dt { color: var(--soft); font-size: .8125rem; line-height: 1.3; }
.tile dd { font-size: 1.625rem; font-weight: 650; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile.none dd { color: var(--soft); font-weight: 400; }
.coverage { margin-top: 1.25rem; }
.coverage svg { display: block; width: 100%; height: .75rem; border-radius: .375rem; background: var(--well); }
.coverage .good { fill: var(--good); } .coverage .calm { fill: var(--calm); }
.coverage .warn { fill: var(--warn); } .coverage .bad { fill: var(--bad); } .coverage .wanted { fill: var(--ink); }
.legend {
  display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; padding: 0; margin-top: .5rem;
  font-size: .8125rem; color: var(--soft);
}
.legend strong { color: var(--ink); }
.legend i {
  display: inline-block; width: .65rem; height: .65rem; border-radius: .2rem; background: currentcolor;
  margin-right: .4rem;
}
.tools {
  position: sticky; top: 0; z-index: 1; background: var(--page); padding: .85rem 0 .7rem; margin-top: .75rem;
  display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; border-bottom: 1px solid var(--line);
}
.tools[hidden], [data-d][hidden], section[hidden] { display: none; }
.tools input {
  flex: 1 1 14rem; min-width: 0; font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; padding: .4rem .75rem;
}
.chips { display: flex; flex-wrap: wrap; gap: .35rem; }
.chips button {
  font: inherit; font-size: .875rem; color: inherit; background: var(--card); cursor: pointer;
  border: 1px solid var(--line); border-radius: 2rem; padding: .3rem .8rem;
}
.chips button[aria-pressed="true"] { background: var(--ink); border-color: var(--ink); color: var(--card); }
.tools p { flex-basis: 100%; font-size: .8125rem; color: var(--soft); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.card {
  background: var(--card); color: var(--ink); box-shadow: var(--shade);
  border: 1px solid var(--line); border-left: .3rem solid var(--bad); border-radius: .6rem;
  padding: 1rem 1.15rem 1.1rem; margin-bottom: .85rem; break-inside: avoid;
}
.card.warn { border-left-color: var(--warn); }
.top { display: flex; flex-wrap: wrap; gap: .25rem .7rem; align-items: center; }
.card h3 { font-size: 1.0625rem; line-height: 1.35; }
.card h3 span { font-weight: 400; color: var(--soft); }
.pill {
  font-size: .6875rem; font-weight: 700; letter-spacing: .05em; white-space: nowrap;
  border-radius: .3rem; padding: .15rem .5rem;
}
.pill.bad { background: var(--bad-well); } .pill.warn { background: var(--warn-well); }
.pill.good { background: var(--good-well); } .pill.calm { background: var(--calm-well); }
.file { color: var(--soft); }
.why { margin-top: .55rem; font-weight: 600; color: var(--bad); }
.card.warn .why { color: var(--warn); }
.why code { font-weight: 600; margin-right: .4rem; }
.facts {
  display: grid; grid-template-columns: minmax(5.5rem, max-content) 1fr; gap: .3rem 1rem; margin-top: .6rem;
  font-size: .9375rem;
}
.facts dt { color: var(--soft); font-size: .875rem; }
.facts ul, td ul { list-style: none; padding: 0; }
.facts .got { color: var(--bad); font-weight: 500; } .card.warn .got { color: var(--warn); }
.facts .quiet { color: var(--soft); }
.next {
  margin-top: .85rem; background: var(--well); border-left: .2rem solid var(--link); border-radius: .45rem;
  padding: .55rem .8rem; font-size: .9375rem;
}
.next b { margin-right: .5rem; color: var(--link); }
.note {
  background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--warn);
  border-radius: .6rem; padding: .7rem 1rem; margin-bottom: .6rem; color: var(--ink);
}
.note.bad { border-left-color: var(--bad); }
.note .pill { margin-right: .4rem; }
table {
  width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line);
  font-size: .9375rem;
}
table { table-layout: fixed; }
th:nth-last-child(1) { width: 19%; }
th {
  text-align: left; font-size: .75rem; text-transform: uppercase; letter-spacing: .04em; color: var(--soft);
  font-weight: 600;
}
th, td { padding: .5rem .8rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td .mono, td small { display: block; color: var(--soft); font-size: .8125rem; }
.plain { columns: 14rem; list-style: none; padding: 0; font-size: .9375rem; }
footer.wrap { color: var(--soft); font-size: .8125rem; padding-top: 2.5rem; padding-bottom: 2rem; }
@media (max-width: 42rem) {
  .wrap { padding: 0 .9rem; }
  .tiles { grid-template-columns: repeat(3, 1fr); gap: .5rem; }
  .tile { padding: .5rem .6rem; } .tile dd { font-size: 1.3125rem; }
  .tools { position: static; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: .4rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, td { display: block; }
  tr { padding: .55rem 0; border-bottom: 1px solid var(--line); } td { border: 0; padding: .1rem .85rem; }
}
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --well: #f3f3f3;
    --good: #1a7f37; --good-well: #fff; --bad: #b00020; --bad-well: #fff; --warn: #7a5000; --warn-well: #fff;
    --calm: #4a44a0; --calm-well: #fff; --link: #0b5cad; --shade: none;
  }
  * { print-color-adjust: exact; }
  body { font-size: 10pt; } .wrap { max-width: none; padding: 0; } .tools { display: none; }
  tr { break-inside: avoid; } h2 { break-after: avoid; }
}
"""

SCRIPT = """
(() => {
  const tools = document.querySelector('.tools'), say = tools.querySelector('[role=status]');
  const find = tools.querySelector('input'), chips = [...tools.querySelectorAll('button')];
  const items = [...document.querySelectorAll('[data-d]')].map(e => [e, e.textContent.toLowerCase()]);
  const sections = [...document.querySelectorAll('section')].filter(s => s.querySelector('[data-d]'));
  let wanted = '';
  const show = () => {
    const words = find.value.toLowerCase().split(/\\s+/);
    let shown = 0;
    for (const [e, text] of items) {
      e.hidden = !((!wanted || e.dataset.d === wanted) && words.every(w => text.includes(w)));
      shown += !e.hidden;
    }
    for (const s of sections) s.hidden = !s.querySelector('[data-d]:not([hidden])');
    say.textContent = shown === items.length ? '' : shown + ' of ' + items.length + ' shown';
  };
  for (const chip of chips) chip.addEventListener('click', () => {
    wanted = chip.value;
    for (const c of chips) c.setAttribute('aria-pressed', c === chip);
    show();
  });
  find.addEventListener('input', show);
  tools.hidden = false;
  show();
})();
"""

ICONS = {
    "good": '<path class="mark" d="M7.5 12.4l3 3 6-6.6"/>',
    "bad": '<path class="mark" d="M8.4 8.4l7.2 7.2M15.6 8.4l-7.2 7.2"/>',
    "warn": '<path class="mark" d="M12 7v6M12 16.6v.1"/>',
}


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# Nothing is loaded, sent or run but these two texts (CSP level 3 section 8.3: hashes of inline elements).
POLICY = (
    f"default-src 'none'; style-src {_source(STYLE)}; script-src {_source(SCRIPT)}; base-uri 'none'; form-action 'none'"
)
