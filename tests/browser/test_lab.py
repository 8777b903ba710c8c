"""A real JupyterLab in a real Chromium, started as `make lab` does: what an analyst sees and does.

One server and one browser for all; each notebook is opened once, run by the menu, and asked.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.notebooks, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
BFCL = {
    "runs": "data/examples/bfcl", "control": "gpt-4o-2024-05-13-FC",
    "treatment": "gpt-4o-2024-08-06-FC",
}  # fmt: skip
REPORT = (
    "import sys; from rolloutlib.plan.params import review_params; "
    "from rolloutlib.show.sealing import review_notebook; "
    f"review_notebook(review_params({BFCL!r} | {{'stage': 2, 'out': 'reports/bfcl'}}))"
)
AUTOSAVE_S = 2  # seconds after which JupyterLab saves by itself what was changed
# A notebook of this height is drawn as a whole: Lab leaves out cells that nobody sees.
TALL = {"width": 1400, "height": 12_000}
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]"
RAN = f"() => {PROMPTS}.length > 3 && {PROMPTS}.every(one => /\\[\\d+\\]/.test(one.textContent))"
BROKEN = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type$='stderr']"
# Text and ground of whatever shows text in what our code made, where it is below 4.5 : 1.
FAINT = """() => {
  const channels = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, k) => sum + c * [.2126, .7152, .0722][k], 0);
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > .99) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('.rl, .rl *, .rl-face, .rl-face *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || !element.offsetParent || element.matches('style, script, .disabled')) continue;
    const pair = [light(channels(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
    if (ratio < 4.5) faint.push(`${element.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


# --- a server on a workbook -----------------------------------------------------------------------


def command_of_make() -> list[str]:
    """Return the arguments that `make lab` gives to JupyterLab."""
    printed = subprocess.run(
        ["make", "-n", "lab"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.replace("\\\n", "")
    line = next(line for line in printed.splitlines() if "/jupyter lab" in line)
    return shlex.split(line)[2:]


@contextmanager
def serving(book: Path, arguments: Sequence[str] = (), **settings: str) -> Generator[str]:
    """Serve a workbook in JupyterLab, whose home is the folder above; give its address."""
    own = {"PYTHONPATH": str(ROOT), "HOME": str(book.parent), "JUPYTER_RUNTIME_DIR": str(book)}
    own |= settings
    options = ("--no-browser", "--port=0", "--allow-root", "--IdentityProvider.token=")
    with (book / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments, *options], cwd=book,
            env=os.environ | own, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield json.loads(wait_for(book, f"jpserver-{server.pid}.json"))["url"]
        finally:
            server.terminate()
            server.wait()


def wait_for(folder: Path, name: str, seconds: int = 60) -> str:
    """Return the text of a file as soon as it is whole."""
    for _ in range(10 * seconds):
        time.sleep(0.1)
        text = (folder / name).read_text("utf-8") if (folder / name).is_file() else ""
        if text.rstrip().endswith("}"):
            return text
    pytest.fail(f"{name} is not there after {seconds} s: {(folder / 'lab.log').read_text()}")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook with the example's report, as `rollout review` leaves it."""
    root = tmp_path_factory.mktemp("lab") / "book"
    for name in ("params", "notebooks", "data/examples/bfcl", "data/examples/story"):
        shutil.copytree(ROOT / name, root / name)
    for file in (root / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(file, as_version=4)
        named = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata["kernelspec"] = named  # or Lab asks for one
        nbformat.write(notebook, file)
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", REPORT], cwd=root, env=own, check=True)
    settings = root.parent / ".jupyter/lab/user-settings/@jupyterlab/docmanager-extension"
    settings.mkdir(parents=True)
    often = json.dumps({"autosaveInterval": AUTOSAVE_S})
    (settings / "plugin.jupyterlab-settings").write_text(often, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def lab(book: Path) -> Iterator[str]:
    """Start JupyterLab on the workbook as `make lab` does; return its address."""
    extra = ["--LabApp.expose_app_in_browser=True"]
    with serving(book, [*command_of_make(), *extra]) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


def refusal_of(page: Page, path: str) -> tuple[int, bool]:
    """Save over a file as any other program may; return the answer, and whether it says why."""
    script = """async path => {
      const token = document.cookie.split('; ').find(part => part.startsWith('_xsrf=')).slice(6);
      const body = JSON.stringify({type: 'file', format: 'text', content: ''});
      const answer = await fetch('/api/contents/' + path, {
        method: 'PUT', body, headers: {'X-XSRFToken': token}});
      return [answer.status, (await answer.text()).includes('is as its run left it')];
    }"""
    status, explained = page.evaluate(script, path)
    return status, explained


@contextmanager
def opened(browser: Browser, address: str, refused: str = "") -> Generator[Page]:
    """Open a notebook and wait for its kernel; no error on the console but a refusal."""
    page = browser.new_page(viewport=TALL)  # pyright: ignore[reportArgumentType] -- a size
    wrong: list[str] = []
    page.on(
        "console", lambda message: wrong.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address)
    page.get_by_text("| Idle").wait_for(timeout=60_000)
    yield page
    page.close()
    assert [error for error in wrong if not refused or not re.search(refused, error)] == []


def run_all(page: Page, until: str = RAN) -> None:
    """Choose Run All Cells in the menu, and wait; no cell may fail or warn."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator('[data-command="runmenu:run-all"]').click()
    page.wait_for_function(until, timeout=300_000)
    assert page.locator(BROKEN).all_inner_texts() == []


def command(page: Page, name: str, **arguments: str) -> None:
    """Run a command of JupyterLab."""
    page.evaluate(f"() => window.jupyterapp.commands.execute({name!r}, {json.dumps(arguments)})")


def dark(page: Page) -> None:
    """Choose the dark theme, and wait until the page has it."""
    command(page, "apputils:change-theme", theme="JupyterLab Dark")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")


# --- a report's notebook --------------------------------------------------------------------------


def test_a_report_opens_trusted_and_run_all_leaves_it_alone(
    browser: Browser, lab: str, book: Path
) -> None:
    """Below reports/ it opens with our sheet; run and saved, it stays as `rollout review` left it.

    The headline's facts stand apart, all is readable in the dark, and the run counts no look.
    """
    before = {path: path.read_bytes() for path in (book / "reports").rglob("*") if path.is_file()}
    refused = "status of 403"
    with opened(browser, f"{lab}lab/tree/reports/bfcl/review.ipynb?reset", refused) as page:
        word = page.locator(".rl-decision .rl-word")
        assert word.evaluate("one => getComputedStyle(one).fontSize") == "40px"
        facts_stand_apart(page)
        assert page.evaluate(FAINT) == []
        dark(page)
        assert page.evaluate(FAINT) == []
        run_all(page, "() => document.body.innerText.includes('exploration: not counted')")
        page.wait_for_timeout(3_000 * AUTOSAVE_S)
        assert page.locator(".jp-Dialog").count() == 0
        page.keyboard.press("Control+s")
        page.get_by_text("is read-only").first.wait_for()
        assert refusal_of(page, "reports/bfcl/review.ipynb") == (403, True)
    after = {path: path.read_bytes() for path in before}
    assert after == before
    files = {
        path for path in (book / "reports").rglob("*") if ".ipynb_checkpoints" not in path.parts
    }
    assert {path for path in files if path.is_file()} == set(before)


def facts_stand_apart(page: Page) -> None:
    """Each name of a fact stands left of its value, and neither is broken by letters."""
    facts = page.locator(".rl-decision .rl-facts > div")
    assert facts.count() >= 4
    for fact in facts.all():
        name, value = box_of(fact.locator("dt")), box_of(fact.locator("dd"))
        assert name["x"] + name["width"] <= value["x"] + 1
        assert name["height"] < 30  # one line


def box_of(element: Locator) -> Any:  # noqa: ANN401 -- playwright's FloatRect
    """Return where an element is drawn."""
    box = element.bounding_box()
    assert box is not None
    return box


# --- the explorer ---------------------------------------------------------------------------------


def test_an_analyst_explores_a_review(browser: Browser, lab: str) -> None:
    """It runs, tells numbers at the pointer, filters one chart by another, and offers choices.

    From the report's hidden loss its three lines lead to the 70 prompts of `rest`.
    """
    with opened(browser, f"{lab}lab/tree/notebooks/explore.ipynb?reset") as page:
        run_all(page)
        assert page.get_by_text("70 rows × 26 columns").count() == 1
        chart = page.locator(".vega-embed canvas").first
        tip, row = first_tip(page, chart, across=0.15, like="rest")
        assert "−24.29 pp" in tip
        assert "70 + 70" in tip
        assert "1,700" in first_tip(page, chart, across=0.75, like="of samples")[0]
        page.mouse.click(*row)
        assert re.search(
            r"of samples:\s*70\b", first_tip(page, chart, across=0.75, like="of samples")[0]
        )
        assert page.evaluate(FAINT) == []
        choose_another_slice(page)
        dark(page)
        assert page.evaluate(FAINT) == []


def first_tip(page: Page, chart: Locator, *, across: float, like: str) -> tuple[str, Any]:
    """Move the pointer down a line of a chart until what it tells has a text; return it and where.

    Args:
        page: the notebook.
        chart: a canvas.
        across: where the line is, as a share of the chart's width.
        like: part of the text.
    """
    box = box_of(chart)
    x = box["x"] + across * box["width"]
    page.mouse.move(x, box["y"] + 1)
    for y in range(int(box["y"]) + 20, int(box["y"] + box["height"]), 4):
        page.mouse.move(x, y)
        page.wait_for_timeout(20)
        tip = page.locator("#vg-tooltip-element")
        text = re.sub(r"\s+", " ", tip.inner_text()) if tip.count() else ""
        if like in text:
            return text, (x, y)
    pytest.fail(f"no mark at {across:.0%} of the chart tells {like!r}")


def choose_another_slice(page: Page) -> None:
    """Choose `java` where the slice is shown: it is estimated, and both looks are counted."""
    lists = page.locator(".jupyter-widgets select")
    assert [choice.input_value() for choice in lists.all()] == [
        "Pass rate",
        "worse",
        "category",
        "rest",
    ]
    expect(page.get_by_text("Slice: category rest (70 + 70 samples)")).to_be_visible(timeout=30_000)
    lists.last.select_option("java")
    expect(page.get_by_text("Slice: category java (100 + 100 samples)")).to_be_visible(
        timeout=30_000
    )
    expect(page.get_by_text("slices tried here so far: 2")).to_be_visible(timeout=30_000)


@pytest.mark.skipif(not EXHAUSTIVE, reason="make faults opens every notebook")
@pytest.mark.parametrize("name", ["daily_monitor", "planning", "retrospective", "rollback_replay"])
def test_every_other_notebook_runs(browser: Browser, lab: str, book: Path, name: str) -> None:
    """Run All ends without an error, a warning or a word on the console."""
    for needed in ("docs", "examples"):
        shutil.copytree(ROOT / needed, book / needed, dirs_exist_ok=True)
    with opened(browser, f"{lab}lab/tree/notebooks/{name}.ipynb?reset") as page:
        run_all(page)
        assert page.evaluate(FAINT) == []
