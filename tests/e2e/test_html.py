"""The HTML report in a real browser: it renders, light and dark, on a phone and in print; it loads nothing; its
filters work, and nothing is missing without them.

The screenshots stay where pytest keeps its temporary files (``--basetemp DIR`` chooses), below ``html*/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pip_verify.report import render
from tests.e2e.browser import Browser, browser
from tests.report.scenarios import SCENARIOS

if TYPE_CHECKING:
    from PIL.Image import Image

DESK, PHONE = (1200, 1600), (390, 844)
RED, GREEN = (0, 1), (1, 0)  # the channel that leads, and the one that it leads


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("html")


@pytest.fixture
def shown(chromium: Browser, folder: Path) -> Browser:
    """The report of forty artifacts, on a desk, light."""
    path = folder / "report.html"
    path.write_text(render("html", SCENARIOS["forty"]), "utf-8")
    chromium.media()
    chromium.size(*DESK)
    chromium.open(path)
    return chromium


def picture(page: Browser, path: Path) -> Image:
    image = pytest.importorskip("PIL.Image")
    found: Image = image.open(page.shot(path)).convert("RGB")
    return found


def brightness(image: Image) -> float:
    """The mean of the picture in grey, from 0 (black) to 255."""
    histogram = image.convert("L").histogram()
    return sum(value * count for value, count in enumerate(histogram)) / sum(histogram)


def colours(image: Image) -> list[tuple[int, tuple[int, int, int]]]:
    found = image.getcolors(image.width * image.height)
    assert found is not None
    return found  # type: ignore[return-value]  # of three channels, since it is RGB


def share_of(image: Image, channels: tuple[int, int]) -> float:
    """The share of pixels that are clearly of a colour."""
    lead, other = channels
    clear = sum(n for n, pixel in colours(image) if pixel[lead] - max(pixel[other], pixel[2]) > 60)
    return clear / (image.width * image.height)


def test_it_renders_light_and_dark(shown: Browser, folder: Path) -> None:
    light = picture(shown, folder / "light.png")
    shown.media(scheme="dark")
    dark = picture(shown, folder / "dark.png")
    assert light.size == dark.size == DESK
    assert brightness(light) > 215
    assert brightness(dark) < 60
    for image in (light, dark):
        assert len(colours(image)) > 200  # text has been drawn, in several colours
        background = max(count for count, _ in colours(image)) / (image.width * image.height)
        assert background < 0.9
        assert share_of(image, RED) > 0.002  # what was refused
        assert share_of(image, GREEN) > 0.004  # the bar
    assert shown.told == []


def test_a_page_that_would_load_something_is_told_on(chromium: Browser, folder: Path) -> None:
    """That the page is silent means something: the same page with a stranger's tags in it is not."""
    path = folder / "evil.html"
    page = render("html", SCENARIOS["refused"])
    evil = '<img src="https://keys.example/x.png"><script>document.title = "owned"</script>'
    path.write_text(page.replace("</main>", f"{evil}</main>"), "utf-8")
    chromium.open(path)
    blocked = [line for line in chromium.told if "Content Security Policy" in line]
    assert len(blocked) == 2
    assert "Loading the image" in blocked[0] + blocked[1]
    assert "inline script" in blocked[0] + blocked[1]
    assert chromium.run("document.title") == "pip-verify: 1 of 3 artifacts refused"


def visible(page: Browser) -> dict[str, int]:
    """How many artifacts of each group are laid out."""
    script = """[...document.querySelectorAll('[data-d]')].filter(e => e.getClientRects().length)
                .reduce((all, e) => ({...all, [e.dataset.d]: (all[e.dataset.d] || 0) + 1}), {})"""
    found = page.run(script)
    assert isinstance(found, dict)
    return found


ALL = {"refused": 5, "undecided": 2, "exempt": 1, "other": 1, "signed": 31}


def type_in(page: Browser, text: str) -> None:
    page.run(f"(i => {{ i.value = '{text}'; i.dispatchEvent(new Event('input')) }})(document.querySelector('input'))")


def click(page: Browser, name: str) -> None:
    page.run(f"document.querySelector('button[value=\"{name}\"]').click()")


def status(page: Browser) -> str:
    return str(page.run("document.querySelector('[role=status]').textContent"))


def test_filters_show_what_they_say_and_search_narrows_them(shown: Browser) -> None:
    assert visible(shown) == ALL
    click(shown, "refused")
    assert visible(shown) == {"refused": 5}
    assert shown.run("[...document.querySelectorAll('[aria-pressed=true]')].map(b => b.textContent)") == ["Refused 5"]
    type_in(shown, "PV201 FLASK")
    assert visible(shown) == {"refused": 1}
    assert status(shown) == "1 of 40 shown"
    click(shown, "")
    type_in(shown, "pallets")
    assert visible(shown) == {"signed": 20}
    type_in(shown, "no such thing")
    assert visible(shown) == {}
    type_in(shown, "")
    assert visible(shown) == ALL
    assert status(shown) == ""
    assert shown.told == []


def test_without_scripts_everything_is_shown_and_no_idle_filter(shown: Browser, folder: Path) -> None:
    shown.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        shown.open(folder / "report.html")
        assert visible(shown) == ALL
        assert shown.run("document.querySelector('.tools').getClientRects().length") == 0
    finally:
        shown.ask("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("name", ["forty", "hostile"])
def test_a_phone_shows_it_without_scrolling_sideways(chromium: Browser, folder: Path, name: str) -> None:
    path = folder / f"{name}.html"
    path.write_text(render("html", SCENARIOS[name]), "utf-8")
    chromium.media()
    chromium.size(*PHONE)
    chromium.open(path)
    assert chromium.run("document.documentElement.scrollWidth") <= PHONE[0]
    assert picture(chromium, folder / f"{name}-phone.png").size == PHONE


def test_print_is_dark_on_white_without_filters_and_whole(shown: Browser, folder: Path) -> None:
    click(shown, "")
    shown.media(kind="print", scheme="dark")
    assert brightness(picture(shown, folder / "print.png")) > 225
    assert shown.run("document.querySelector('.tools').getClientRects().length") == 0
    assert visible(shown) == ALL


def test_text_stands_out_from_what_is_behind_it(shown: Browser) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) for every text on the page, light, dark and printed."""
    script = """(() => {
      const rgb = c => (c.match(/[\\d.]+/g) || []).map(Number);
      const light = c => rgb(c).slice(0, 3).map(v => v / 255)
        .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
      const behind = e => { const c = getComputedStyle(e).backgroundColor;
        return rgb(c)[3] === 0 && e.parentElement ? behind(e.parentElement) : c; };
      const faint = [];
      for (const e of document.querySelectorAll('body *')) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!own || !e.getClientRects().length) continue;
        const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
        if ((a + .05) / (b + .05) < 4.5) faint.push(e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 20));
      }
      return faint;
    })()"""
    for kind, scheme in (("", "light"), ("", "dark"), ("print", "dark")):
        shown.media(kind=kind, scheme=scheme)
        assert shown.run(script) == []


def test_report_mode_is_seen_first(chromium: Browser, folder: Path) -> None:
    path = folder / "mode.html"
    path.write_text(render("html", SCENARIOS["report_mode"]), "utf-8")
    chromium.media()
    chromium.size(*DESK)
    chromium.open(path)
    box = chromium.run("(r => [r.top, r.width])(document.querySelector('.mode').getBoundingClientRect())")
    assert box == [0, DESK[0]]
