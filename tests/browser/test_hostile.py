"""A review of hostile data, its decision and its rollback, opened where they are read.

In Chromium, with and without the page's Content-Security-Policy, and in a live JupyterLab that
trusts the notebook: nothing calls a beacon, nothing runs, no element comes of a name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import mistune
import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tests.browser.test_lab import serving
from tests.ledger.workbooks import PEOPLE, workbook
from tests.payloads import BEACON, PAYLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.notebooks, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "data" / "examples" / "story" / "stage-2"
MAIN = "import sys; from rolloutlib.cli import main; sys.exit(main())"
FORGED = (
    "script, iframe, object, embed, form, input, base, link, marquee, svg image, [onload], "
    "[onerror], [onmouseover], [onfocus], [href^='javascript:'], meta[http-equiv=refresh], "
    "img:not([src^='data:image/svg+xml;base64,'])"
)
CSP = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@dataclass
class Beacon:
    """A server on this machine that notes who calls."""

    address: str
    calls: list[str] = field(default_factory=list[str])

    def aim(self, text: str) -> str:
        """Return a payload that calls this server."""
        return text.replace(BEACON, self.address)


@pytest.fixture(scope="module")
def beacon() -> Iterator[Beacon]:
    """Start the server."""
    calls: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] -- it says nothing
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    Thread(target=server.serve_forever, daemon=True).start()
    yield Beacon(f"http://127.0.0.1:{server.server_port}", calls)
    server.shutdown()
    server.server_close()


def rollout(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in the workbook."""
    own = {"PYTHONPATH": str(ROOT), "HOME": str(root.parent)}
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments], cwd=root, env=os.environ | own, text=True,
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, beacon: Beacon) -> Path:
    """A workbook whose runs and evidence name everything by a payload: decided, undone."""
    root = tmp_path_factory.mktemp("hostile") / "book"
    for folder in ("params", "notebooks", "docs"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("dec-*"))
    shutil.copytree(STORY, root / "runs")
    shutil.copy(ROOT / "requirements.lock", root)
    payloads = {name: beacon.aim(text) for name, text in PAYLOADS.items()}
    people = {
        who: (json.dumps(payloads["image"] + name), role) for who, (name, role) in PEOPLE.items()
    }
    trusted = workbook(root.parent / "trusted", people) / "params"
    for name in ("roles.yaml", "allowed_signers"):
        shutil.copy(trusted / name, root / "params")
    _attack_runs(root / "runs" / "runs.jsonl", payloads)
    _attack_evidence(root / "runs" / "evidence", [*payloads.values()])
    reviewed = rollout(root, "review", "2", "--runs", "runs", "--out", "reports/w3")
    assert reviewed.returncode in {10, 20}, reviewed.stderr
    words = [text.replace("\0", "").replace("\ud800", "")[:900] for text in payloads.values()]
    texts = [" ".join(words[k::5]) for k in range(5)]
    decided = rollout(
        root, "decide", "reports/w3", "--verdict", "HOLD", "--waive", "recommendation", "--reason",
        texts[0], "--note", texts[1], "--by", "ana_jung@ex.com",
    )  # fmt: skip
    assert decided.returncode == 0, decided.stderr
    back = rollout(
        root, "rollback", "--reason", texts[2], "--signal", texts[3], "--cause", texts[4]
    )
    assert "Traceback" not in back.stderr
    for done in (reviewed, decided, back):
        assert not re.search(
            r"[^\n\x20-\x7e\x85\xa0-\u1fff\u2010-\uffef]", done.stdout + done.stderr
        )
    return root


def _attack_runs(path: Path, payloads: dict[str, str]) -> None:
    """Give runs, categories, tags, prompts, people and strategies payloads for names."""
    texts = [text for name, text in payloads.items() if name != "flood"]
    lines: list[str] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines()):
        run: dict[str, Any] = json.loads(line)
        run["runId"] = f"{texts[number]} {run['runId']}"
        run["datasetMeta"]["strategyHash"] = payloads["svg"]
        for place, sample in enumerate(run["result"]["samples"]):
            text = texts[place % len(texts)]
            sample["category"] = payloads["flood"] if place < 3 else text
            sample["issues"] = [text, payloads["hidden"].replace("\ud800", "")]
            sample["promptId"] += text
            sample["userId"] += text
        lines.append(json.dumps(run))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _attack_evidence(folder: Path, texts: list[str]) -> None:
    """Name incidents, tests and files by payloads, and let some of them fail."""
    at = {"at": "2026-10-22T14:05:00+09:00", "severity": "S1"}
    incidents = [json.dumps({**at, "title": text.replace("\ud800", "")}) for text in texts]
    (folder / "incidents.jsonl").write_text("\n".join(incidents) + "\n", "utf-8")
    names = [escape(re.sub(r"[^ -~]", "", text)[:300]) for text in texts]
    cases = "".join(f'<testcase name="{name}"><failure/></testcase>' for name in names)
    (folder / "junit" / "TEST-perf.xml").write_text(f"<testsuite>{cases}</testsuite>", "utf-8")


# --- opened ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(chromium: str) -> Iterator[Callable[[str], Page]]:
    """Return what opens an address, and keeps what it said in `page.said`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

        def open_(address: str) -> Page:
            page = browser.new_page()
            page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
            page.goto(address, wait_until="load", timeout=90_000)
            return page

        yield open_
        browser.close()


def check(page: Page, beacon: Beacon) -> None:
    """Fail where a name became an element, a call, a program or another page."""
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(300)
    forged = page.eval_on_selector_all(FORGED, "all => all.map(e => e.outerHTML.slice(0, 200))")
    assert forged == []
    assert page.evaluate("window.pwned") is None
    assert page.url.startswith("file:")
    assert beacon.calls == []
    page.close()


def test_the_beacon_hears_what_is_not_escaped(
    tmp_path: Path, opened: Callable[[str], Page], beacon: Beacon
) -> None:
    """The control of these tests: the same payloads raw in a page do call, and do run."""
    raw = [beacon.aim(text) for name, text in PAYLOADS.items() if name not in {"refresh", "form"}]
    raw = [text.replace("\ud800", "").removesuffix("<!--") for text in raw]
    (tmp_path / "raw.html").write_text(f"<p>{'<p>'.join(raw)}", "utf-8")
    page = opened((tmp_path / "raw.html").as_uri())
    page.wait_for_timeout(500)
    heard = {*beacon.calls}
    beacon.calls.clear()
    assert {"/img", "/frame", "/style", "/link", "/object", "/embed"} <= heard
    assert page.evaluate("window.pwned") == 1
    page.close()


@pytest.mark.parametrize("policy", ["with", "without"])
def test_the_report_calls_nobody(
    book: Path, opened: Callable[[str], Page], beacon: Beacon, policy: str
) -> None:
    """The report is inert, and without its policy the escaping alone holds."""
    html = (book / "reports" / "w3" / "review.html").read_text("utf-8")
    assert len(CSP.findall(html)) == 1
    path = book / f"opened-{policy}.html"
    path.write_text(html if policy == "with" else CSP.sub("", html), "utf-8")
    page = opened(path.as_uri())
    assert "onerror=" in page.inner_text("main")  # the payloads are there, to be read
    check(page, beacon)


def test_outputs_in_a_page_call_nobody(
    book: Path, opened: Callable[[str], Page], beacon: Beacon
) -> None:
    """Every output of the notebook put into a page as it is, as a trusting viewer does."""
    notebook = nbformat.read(book / "reports" / "w3" / "review.ipynb", as_version=4)
    data = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    html = [kind["text/html"] for kind in data if "text/html" in kind]
    pictures = [kind["image/svg+xml"] for kind in data if "image/svg+xml" in kind]
    assert len(html) > 10
    assert len(pictures) > 3
    (book / "outputs.html").write_text("\n".join([*html, *pictures]), "utf-8")
    check(opened((book / "outputs.html").as_uri()), beacon)


def test_cards_and_notes_call_nobody(
    book: Path, opened: Callable[[str], Page], beacon: Beacon
) -> None:
    """Cards, release notes and the overview, by a reader that lets HTML and addresses through."""
    files = [*(book / "docs").rglob("dec-*.md"), *(book / "docs" / "RELEASE_NOTES").glob("2*.md")]
    assert len(files) >= 2
    plugins = ["strikethrough", "footnotes", "table", "url", "task_lists", "mark", "math"]
    read = mistune.create_markdown(escape=False, plugins=plugins)
    texts = [path.read_text("utf-8") for path in [*files, book / "docs" / "SYSTEM_OVERVIEW.md"]]
    (book / "cards.html").write_text("<meta charset=utf-8>" + "\n".join(map(str, map(read, texts))))
    page = opened((book / "cards.html").as_uri())
    headings = page.eval_on_selector_all("h1, h2", "all => all.map(e => e.innerText)")
    assert headings.count("Actions") == sum(text.count("\n## Actions\n") for text in texts)
    assert not [name for name in headings if name in {"Approved", "Signed"}]
    assert page.eval_on_selector_all("a[href^='http']", "all => all.length") == 0
    check(page, beacon)


def test_a_trusting_lab_calls_nobody(
    book: Path, opened: Callable[[str], Page], beacon: Beacon
) -> None:
    """In a live JupyterLab that trusts the notebook, only the control's output calls and runs."""
    path = book / "notebooks" / "hostile.ipynb"
    notebook = nbformat.read(book / "reports" / "w3" / "review.ipynb", as_version=4)
    control = f"<img src={beacon.address}/trusted><script>window.trusted = 1</script>"
    shown = nbformat.v4.new_output("display_data", {"text/html": control})
    notebook.cells.append(nbformat.v4.new_code_cell("", outputs=[shown], execution_count=1))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)
    home = os.environ | {"HOME": str(book.parent), "PYTHONPATH": str(ROOT)}
    trust = [sys.executable, "-m", "jupyter", "trust", str(path)]
    subprocess.run(trust, env=home, check=True, capture_output=True)
    settings = book.parent / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    with serving(book, JUPYTERLAB_SETTINGS_DIR=str(book.parent / "settings")) as address:
        page = opened(f"{address}lab/tree/notebooks/hostile.ipynb")
        page.wait_for_function("window.trusted === 1", timeout=90_000)  # the last output is shown
        page.wait_for_timeout(1_000)
        outputs = page.locator(".jp-OutputArea-output")
        assert outputs.count() > 15
        assert (
            outputs.locator(
                "script, iframe, object, embed, form:not(.vega-bindings), [onerror], [onload]"
            ).count()
            == 1
        )
        assert page.evaluate("window.pwned") is None
        page.close()
    assert {*beacon.calls} == {"/trusted"}
    beacon.calls.clear()
