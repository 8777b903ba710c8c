"""A real Chromium without a network opens the report.

Drawn, readable on a laptop and a phone, in Korean, and inert.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import sync_playwright

from rolloutlib.cli import main
from rolloutlib.plan.params import review_params
from rolloutlib.show import watched, watched_days, watched_parts
from rolloutlib.show.dark import DARK
from rolloutlib.show.figure import Figure
from rolloutlib.show.history import write_index
from rolloutlib.show.invalid import invalid_report
from rolloutlib.show.notebooks import localise, render_html
from rolloutlib.show.tables import render, sheet, style
from tests.often import EXHAUSTIVE
from tests.sample_review import ATTACK, ROOT, bfcl, executed, hostile, story
from tests.sample_watch import sample_watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nbformat import NotebookNode
    from playwright.sync_api import Browser, Dialog, Page, ViewportSize

    from rolloutlib.show.tables import Html

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
        "en": (story(), "en"),
        "ko": (story(), "ko"),
        "bfcl": (bfcl(), "ko"),
        "hostile": (hostile(), "en"),
    }
    folder = tmp_path_factory.mktemp("pages")
    for name, (review, lang) in made.items():
        (folder / f"{name}.html").write_text(render_html(executed(review, lang), lang), "utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write what else people open: data that are no evidence, a watch, a comparison, the index."""
    folder = tmp_path_factory.mktemp("others")
    for name, worse in (("a", ()), ("b", (7, 8))):
        rows = [f"q{k},{str(k not in worse).lower()},{500 + 7 * k % 90}" for k in range(40)]
        text = "\n".join(["question_id,passed,latency_ms", *rows])
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    made: dict[str, Path] = {}
    for lang in ("en", "ko"):
        (folder / lang).mkdir()
        params = review_params({"stage": 2, "runs": "a.csv", "lang": lang})
        invalid = invalid_report(params, folder / lang, "no run is left as evidence")
        pair = [str(folder / "a.csv"), str(folder / "b.csv"), "--out", str(folder / f"pair-{lang}")]
        main(["compare", *pair, "--lang", lang])
        written = {"invalid": render_html(invalid.notebook, lang), "watch": watch_page(lang)}
        for name, html in written.items():
            made[f"{name} {lang}"] = folder / f"{name}-{lang}.html"
            made[f"{name} {lang}"].write_text(html, encoding="utf-8")
        made[f"compare {lang}"] = folder / f"pair-{lang}" / "review.html"
        index = folder / f"index-{lang}.html"  # the next one replaces it in its place
        made[f"index {lang}"] = write_index(folder, lang, anew=True).path.rename(index)
    return made


def watch_page(lang: str) -> str:
    """Return a day's page as if a kernel had run notebooks/daily_monitor.ipynb."""
    source = nbformat.read(ROOT / "notebooks" / "daily_monitor.ipynb", as_version=4)
    notebook, names = localise(source, lang), {"watched": watched, "watched_days": watched_days}
    names |= {"watched_parts": watched_parts, "watch": sample_watch(), "lang": lang}
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.metadata.get("tags"):
            shown = eval(cell.source, names)  # noqa: S307 -- a cell of ours
            cell.outputs = [_output(chart) for chart in getattr(shown, "charts", (shown,))]
    return render_html(notebook, lang)


def _output(shown: Figure | Html) -> NotebookNode:
    data = shown.bundle() if isinstance(shown, Figure) else {"text/html": shown.html}
    return nbformat.v4.new_output("display_data", data=data)


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
@pytest.mark.parametrize("name", ["en", "ko", "bfcl", "hostile"])
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


@pytest.mark.parametrize("name", ["shipped en", "shipped ko", "en", "ko"])
def test_the_decision_fits_a_screen(browser: Browser, pages: dict[str, Path], name: str) -> None:
    """Verdict, gates, open items and signatures end above 900 pixels on a screen 1,280 wide."""
    shipped = {f"shipped {lang}": ROOT / "reports/examples" / lang / "review.html"
               for lang in ("en", "ko")}  # fmt: skip
    opened = Opened(browser, (pages | shipped)[name], 1280)
    opened.page.evaluate("window.scrollTo(0, 0)")
    (end,) = opened.all(".rl-decision", "e => e.getBoundingClientRect().bottom")
    assert end <= 900
    opened.page.close()


@pytest.mark.parametrize("name", ["ko", "bfcl"])
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
    opened = Opened(browser, pages["ko"], 1280, scheme)
    pairs = opened.all(
        ".verdict strong, small, th, .rl-note td, .rl-word, figcaption, .rl-facts dt, a", _COLOURS
    )
    assert min(_contrast(*pair) for pair in pairs) >= 4.5
    opened.page.close()


def test_charts_are_as_dark_as_their_page(browser: Browser, pages: dict[str, Path]) -> None:
    """Each chart's corner has the page's own ground, and no colour of a chart lacks a dark one."""
    opened = Opened(browser, pages["ko"], 1280, "dark")
    ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(20, 24, 31)"
    for image in opened.page.locator("img").all():
        corner = image.screenshot()
        with Image.open(BytesIO(corner)) as picture:
            assert f"rgb{picture.convert('RGB').getpixel((1, 1))}" == ground
    pictures = opened.all("img", "e => atob(e.src.split(',')[1])")
    used = {
        color for picture in pictures for color in re.findall(r'(?:fill|stroke)="([^"]+)"', picture)
    }
    assert used - DARK.keys() <= {"none", "transparent"}
    opened.page.close()


@pytest.mark.parametrize("light", ["true", "false"])
def test_a_piece_in_a_notebook_follows_labs_theme(browser: Browser, light: str) -> None:
    """Ink and ground are JupyterLab's theme's, whatever the system's is; a page alone asks that."""
    page = browser.new_page(color_scheme="dark")
    piece = render("command.html.j2", word="Next", text="rollout decide")
    sheets = f"<style>{style()}</style><style>{sheet('face.css')}</style>"
    face = '<div class="rl-face"><table><tr><td><b class="fail">x</b></td></tr></table></div>'
    page.set_content(
        f'{sheets}<body data-jp-theme-light="{light}"><div class="rl">{piece}</div>{face}'
    )
    ground = "rgb(255, 255, 255)" if light == "true" else "rgb(20, 24, 31)"
    assert page.eval_on_selector(".rl", "e => getComputedStyle(e).backgroundColor") == ground
    pairs = page.eval_on_selector_all(".rl-why, code, b", f"all => all.map({_COLOURS})")
    assert min(_contrast(*pair) for pair in pairs) >= 4.5
    page.close()


_COLOURS = """e => {
  let b = e;
  while (b && getComputedStyle(b).backgroundColor.endsWith(", 0)")) b = b.parentElement;
  const rgb = (text) => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
  return [rgb(getComputedStyle(e).color), b ? rgb(getComputedStyle(b).backgroundColor) : [255,
        255, 255]];
}"""


def _contrast(color: list[float], other: list[float]) -> float:
    """Return the contrast ratio of two sRGB colours (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(color), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(rgb: list[float]) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# Each page in each language, over them all both widths and both schemes in both languages; the
# review of the story at both widths in both.
LOOKS: list[tuple[str, int, Literal["dark", "light"]]] = [
    ("en", 1280, "light"), ("en", 390, "dark"), ("ko", 1280, "dark"), ("ko", 390, "light"),
    ("bfcl", 390, "dark"),
    ("invalid en", 1280, "dark"), ("invalid ko", 390, "dark"), ("watch en", 390, "light"),
    ("watch ko", 1280, "light"), ("compare en", 390, "dark"), ("compare ko", 1280, "dark"),
    ("index en", 1280, "light"), ("index ko", 390, "light"),
]  # fmt: skip
EVERY = [(name, width, scheme) for name in sorted({look[0] for look in LOOKS})
         for width in WIDTHS for scheme in ("light", "dark")]  # fmt: skip
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@pytest.mark.parametrize(("name", "width", "scheme"), EVERY if EXHAUSTIVE else LOOKS)
def test_nobody_is_shut_out(
    browser: Browser, pages: dict[str, Path], others: dict[str, Path], name: str, width: int,
    scheme: Literal["dark", "light"],
) -> None:  # fmt: skip
    """axe-core finds no violation of WCAG 2.0 to 2.2 (A, AA) or of best practice."""
    opened = Opened(browser, (pages | others)[name], width, scheme)
    axe = Axe().run(opened.page, options={"runOnly": [*RULES], "resultTypes": ["violations"]})
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in axe.response["violations"]] == []
    opened.page.close()
