"""A real Chromium without a network opens the report.

Drawn, readable on a laptop and a phone, in Korean, and inert.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from rolloutlib.show.dark import DARK
from rolloutlib.show.notebooks import render_html
from tests.sample_review import ATTACK, bfcl, executed, hostile, story

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Dialog, Page, ViewportSize

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WIDTHS = (1280, 390)
# The Hangul syllable is compared with a private-use character that no font has: boxes have the same
# shape.
DRAWS_HANGUL = """
() => {
  const ink = (text) => {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    context.font = "40px " + getComputedStyle(document.body).fontFamily;
    context.fillText(text, 5, 45);
    return context.getImageData(0, 0, 100, 60).data.join();
  };
  return ink("판") !== ink("\\uE123") && ink("판") !== ink("정");
}
"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Start Chromium with name resolution blocked."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Render the reports that are looked at."""
    made = {
        "en": (bfcl(), "en"),
        "ko": (bfcl(), "ko"),
        "story": (story(), "ko"),
        "hostile": (hostile(), "en"),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, (review, lang) in made.items():
        (folder / f"{name}.html").write_text(render_html(executed(review, lang), lang), "utf-8")
    return {name: folder / f"{name}.html" for name in made}


class Opened:
    """A page with everything that it said and asked for while it was opened."""

    def __init__(
        self, browser: Browser, path: Path, width: int, scheme: Literal["dark", "light"] = "light"
    ) -> None:
        """Open and scroll through, so that everything is laid out."""
        size: ViewportSize = {"width": width, "height": 900}
        self.page: Page = browser.new_page(viewport=size, color_scheme=scheme)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri(), wait_until="load")
        self.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")

    def _dismiss(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def all(self, selector: str, script: str) -> list[Any]:
        """Evaluate a script for every element."""
        return self.page.eval_on_selector_all(selector, f"elements => elements.map({script})")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["en", "ko", "story", "hostile"])
def test_a_report_opens_offline(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    """Nothing is complained about, nothing is fetched, every chart is drawn.

    Nothing sticks out sideways.
    """
    opened = Opened(browser, pages[name], width)
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:image/svg+xml;")] == [
        pages[name].as_uri()
    ]
    drawn = opened.all("img", "e => [e.complete, e.naturalWidth > 0, e.alt.length > 20]")
    assert len(drawn) >= 5
    assert all(all(image) for image in drawn)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.all(
        "main *", "e => e.getBoundingClientRect().right > innerWidth + 1 ? e.tagName : ''"
    ).count("") == len(opened.all("main *", "e => 1"))
    opened.page.close()


@pytest.mark.parametrize("name", ["ko", "story"])
def test_korean_is_drawn_with_glyphs(browser: Browser, pages: dict[str, Path], name: str) -> None:
    """Hangul has its own shapes, not the box of a missing glyph.

    Charts name a stack with Korean fonts.
    """
    opened = Opened(browser, pages[name], 1280)
    assert opened.page.evaluate(DRAWS_HANGUL)
    assert all(
        "NanumGothic" in source and "Noto Sans KR" in source
        for source in opened.all("img", "e => atob(e.src.split(',')[1])")
    )
    opened.page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_phones_get_their_own_charts(browser: Browser, pages: dict[str, Path], width: int) -> None:
    """A phone shows the narrow layout at its own size instead of a shrunken wide one."""
    opened = Opened(browser, pages["en"], width)
    shown = opened.all(
        "img", "e => [e.currentSrc === e.src, e.getBoundingClientRect().width / e.naturalWidth]"
    )
    assert all(wide == (width > 640) and scale > 0.95 for wide, scale in shown)
    opened.page.close()


def test_hostile_labels_are_text(browser: Browser, pages: dict[str, Path]) -> None:
    """A label that is a script is read as a label: no element came of it, no dialog opened."""
    opened = Opened(browser, pages["hostile"], 1280)
    assert ATTACK in opened.page.inner_text("main")
    assert opened.all("script, iframe, [onerror], img[src='x']", "e => e.outerHTML") == []
    assert opened.said == []
    opened.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_text_has_contrast(
    browser: Browser, pages: dict[str, Path], scheme: Literal["dark", "light"]
) -> None:
    """The colours of text on their backgrounds reach WCAG's 4.5 : 1, by day and by night."""
    opened = Opened(browser, pages["story"], 1280, scheme)
    pairs = opened.all(
        ".verdict strong, small, th, .rl-note td, .rl-word, figcaption, .rl-facts dt, a", _COLOURS
    )
    assert min(_contrast(*pair) for pair in pairs) >= 4.5
    opened.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_as_dark_as_their_page(
    browser: Browser, pages: dict[str, Path], scheme: Literal["dark", "light"]
) -> None:
    """Each chart's corner has the page's own ground, and no colour of a chart lacks a dark one."""
    opened = Opened(browser, pages["story"], 1280, scheme)
    ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 31)"}[scheme]
    for image in opened.page.locator("img").all():
        corner = image.screenshot()
        with Image.open(BytesIO(corner)) as seen:
            assert f"rgb{seen.convert('RGB').getpixel((1, 1))}" == ground
    pictures = opened.all("img", "e => atob(e.src.split(',')[1])")
    used = {color for one in pictures for color in re.findall(r'(?:fill|stroke)="([^"]+)"', one)}
    assert used - DARK.keys() <= {"none", "transparent"}
    opened.page.close()


_COLOURS = """e => {
  let b = e;
  while (b && getComputedStyle(b).backgroundColor.endsWith(", 0)")) b = b.parentElement;
  const rgb = (text) => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
  return [rgb(getComputedStyle(e).color), b ? rgb(getComputedStyle(b).backgroundColor) : [255,
        255, 255]];
}"""


def _contrast(one: list[float], other: list[float]) -> float:
    """Return the contrast ratio of two sRGB colours (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(rgb: list[float]) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
