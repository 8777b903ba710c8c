"""`rollout slides`: a sealed page becomes a PDF, by Chromium and by WeasyPrint; no other does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import nbformat
import pytest
from markupsafe import Markup
from msgspec.structs import replace
from PIL import Image

from rolloutlib.cli import main
from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.ledger.seal import SEAL, first_line, seal_of
from rolloutlib.show import printing
from rolloutlib.show.bundle import new_report
from rolloutlib.show.decision import decision_page
from rolloutlib.show.notebooks import render_html
from rolloutlib.show.pages import Section, css_text, drawn, page, sanitised
from rolloutlib.show.printing import CHROMIUM, ENGINES, WEASYPRINT, engines, kept_whole, printed
from rolloutlib.show.report import every_reason
from rolloutlib.show.slides import print_report, report_at
from rolloutlib.show.tables import Cell, Row, table
from tests.often import EXHAUSTIVE
from tests.sample_review import bfcl, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DIGESTS = [sha256(bytes([k])).hexdigest() for k in range(12)]
TITLE = 'NO-GO · stage 2 · it\'s "new"; } </style><script>'
HANGUL = "승급 불가"


def report(folder: Path, recommendation: str = "NO_GO", *, without: str = "") -> Path:
    """Write a sealed report of one long page."""
    folder.mkdir()
    arm = {"arm": "new", "first": "2026-10-21T01:00:00Z", "last": "2026-10-23T02:00:00Z"}
    record = msgspec.json.encode({"recommendation": recommendation, "arms": [arm]})
    digest = sha256(record).hexdigest()
    parts = {
        "review.json": record, "review.html": page_of(digest).encode(),
        "params.yaml": f"{first_line(digest)}stage: 2\n".encode(),
        "review.ipynb": msgspec.json.encode({"metadata": {"rolloutlib": {"review": digest}}}),
    }  # fmt: skip
    parts.pop(without, None)
    return written(folder, parts | {SEAL: seal_of(parts)})


def written(folder: Path, parts: Mapping[str, bytes]) -> Path:
    """Write parts as they are given."""
    for name, data in parts.items():
        (folder / name).write_bytes(data)
    return folder


def page_of(digest: str) -> str:
    """Return a page: a decision, charts with their sentences, a long table with digests."""
    size = 'width="900" height="420"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect {size} fill="#1d5fa8"/></svg>'
    chart = drawn({"wide": svg, "narrow": svg, "alt": "a chart", "caption": "what it means"})
    rows = [Row((Cell(f"file {k}"), Cell("10 files", kind="digest", more=digest)))
            for k, digest in enumerate(DIGESTS * 3)]  # fmt: skip
    decision = '<section class="rl rl-decision no_go"><h3>✕ NO-GO</h3><p>alone here</p></section>'
    sections = [Section("top", "", [Markup("<h1>Review</h1>")]),
                Section("decision", "Decision", [sanitised(decision)])]  # fmt: skip
    sections += [
        Section(f"p{k}", f"Heading {k}", [sanitised(f"<p>{HANGUL}. Sentence {k}.</p>"), chart])
        for k in range(5)
    ]
    files = sanitised(table(("File", "SHA-256"), rows).html)
    return page(
        [*sections, Section("in", "Inputs", [files])], title=TITLE, lang="ko", review=digest,
        index="../index.html",
    )  # fmt: skip


def text_of(pdf: Path) -> list[str]:
    """Return the text of every sheet."""
    converted = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True)
    return converted.stdout.decode().split("\f")[:-1]


def filled(pdf: Path, folder: Path) -> list[float]:
    """Return how far down the ink of each sheet reaches, its foot left out."""
    subprocess.run(["pdftoppm", "-r", "20", "-gray", pdf, folder / "sheet"], check=True)
    shares: list[float] = []
    for path in sorted(folder.glob("sheet*.pgm")):
        with Image.open(path) as sheet:
            whole = sheet.crop((0, 0, sheet.width, round(sheet.height * 283 / 297)))
            ink = whole.point([255] * 245 + [0] * 11).getbbox()
            shares.append(ink[3] / whole.height if ink else 0)
    return shares


@pytest.mark.parametrize(
    ("page", "whole"),
    [
        ("<th>스테이지 기준</th>", ["스테이지", "기준"]),
        ("<p>GO에는 &lt;1,700개 a b</p>", ["GO에는", "&lt;1,700개"]),
        ('<head><title>승급 불가</title></head><p aria-label="값 > 결정은 b">x</p>', []),
        ("<style>a { content: '결정은'; }</style><code>rollout 결정은</code>", []),
        ("<p>" + "가" * 25 + "</p>", []),
    ],
)
def test_korean_words_are_kept_whole_for_an_engine_that_breaks_them(
    page: str, whole: list[str]
) -> None:
    """In prose alone: tags, styles and commands stay as they are, and what no column takes."""
    paper = kept_whole(page)
    assert re.findall(r'<span style="white-space: nowrap">([^<]*)</span>', paper) == whole
    assert re.sub(r"</?span[^>]*>", "", paper) == page


@pytest.fixture
def poppler() -> None:
    """Need what reads PDFs: skip on a desk where it is not, fail in CI, which installs it."""
    if shutil.which("pdftotext") is None:
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop("pdftotext is not on the path; install it (Debian: apt-get install poppler-utils)")


@pytest.fixture
def own_temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give this test a temporary folder of its own, short enough for Chromium's sockets."""
    with tempfile.TemporaryDirectory(prefix="rl-") as own:
        monkeypatch.setattr(tempfile, "tempdir", own)
        yield Path(own)
        monkeypatch.undo()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.usefixtures("chromium", "poppler")
def test_a_report_is_printed_whole(tmp_path: Path, engine: str, own_temporary: Path) -> None:
    """The decision alone on page 1, no half-empty sheet, all digests, a foot on every sheet."""
    folder = report(tmp_path / "w47")
    made = print_report(folder, engine=engine, now=NOW)
    assert made.path == folder / "review.pdf"
    assert engine in str(made.by).lower()
    sheets = text_of(made.path)
    assert "alone here" in sheets[0]
    assert "Heading 0" in sheets[1]
    record = sha256((folder / "review.json").read_bytes()).hexdigest()
    for number, sheet in enumerate(sheets, 1):
        foot = " ".join(sheet.split()[-40:])
        assert re.search(rf"\b{number} ?/ ?{len(sheets)}\b", foot)
        assert TITLE in foot
        assert "2026-10-23" in foot
        assert "2026-11-30" in foot
        assert f"sha256:{record[:12]}" in foot
    text = "\n".join(sheets)
    assert [digest for digest in DIGESTS if text.count(digest) != 3] == []
    assert text.count(HANGUL) == 5
    for k in range(5):  # a chart is on the sheet of its sentence
        assert [f"Sentence {k}." in sheet for sheet in sheets].count(True) == 1
    of_table = [sheet for sheet in sheets if "file " in sheet]
    assert len(of_table) > 1
    assert all("SHA-256" in sheet for sheet in of_table)
    assert min(filled(made.path, tmp_path)[1:-1]) > 0.6
    assert b"/URI (file:" not in made.path.read_bytes()
    assert report_at(folder).sealed  # the PDF is none of the sealed parts
    assert [*own_temporary.iterdir()] == []


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("engine", ENGINES if EXHAUSTIVE else [CHROMIUM])
@pytest.mark.usefixtures("chromium", "poppler", "own_temporary")
def test_paper_says_where_the_other_reasons_are(tmp_path: Path, engine: str) -> None:
    """What is a link on a screen has its page and section on paper."""
    many = replace(bfcl(), reasons=tuple(told(f"Reason {k}.") for k in range(9)))
    cells = [nbformat.v4.new_markdown_cell("## Every reason\n\nThe first weighs most.")]
    for piece in (decision_page(many), every_reason(many)):
        shown = nbformat.v4.new_output("display_data", data={"text/html": piece.html})
        cells.append(nbformat.v4.new_code_cell("", outputs=[shown]))
    page = render_html(nbformat.v4.new_notebook(cells=[cells[1], cells[0], cells[2]]))
    pdf = tmp_path / "page.pdf"
    pdf.write_bytes(printed(page, engine).data)
    first, *sheets = text_of(pdf)
    (line,) = (line for line in first.splitlines() if "and 6 more" in line)
    named = re.search(r"and 6 more(?: \(p\. (\d)\))?: Every reason", line)
    assert named is not None
    assert "Reason 8." in sheets[int(named[1] or 2) - 2]
    assert bool(named[1]) == (engine == WEASYPRINT)  # Chromium 156 counts no other page


def test_paper_leads_to_no_place_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has the link to its index; what is printed has neither it nor its words."""
    sheets: list[str] = []

    def print_nothing(html: str, _engine: str) -> printing.Pdf:
        sheets.append(html)
        return printing.Pdf(b"%PDF-", WEASYPRINT)

    monkeypatch.setattr("rolloutlib.show.slides.printed", print_nothing)
    folder = report(tmp_path / "w47")
    print_report(folder, engine=WEASYPRINT, now=NOW)
    link = '<a class="rl-index" href="../index.html">'
    assert link in (folder / "review.html").read_text("utf-8")
    assert "index.html" not in sheets[0]


def test_what_another_review_left_is_not_printed(tmp_path: Path) -> None:
    """A page of another review, an edited one, one without a seal: refused, with what is wrong."""
    go, no = report(tmp_path / "go", "GO"), report(tmp_path / "no")
    shutil.copy(go / "review.html", no / "review.html")
    with pytest.raises(RolloutError, match=r"review\.html is of another review\.json") as refused:
        print_report(no)
    assert refused.value.exit_code == 1
    html = (go / "review.html").read_text("utf-8")
    (go / "review.html").write_text(html.replace("NO-GO", "GO"), encoding="utf-8")
    with pytest.raises(RolloutError, match=r"review\.html was changed after the review"):
        print_report(go)
    (go / SEAL).unlink()
    with pytest.raises(RolloutError, match=r"seal\.sha256 is missing"):
        print_report(go)
    assert [*tmp_path.glob("*/*.pdf")] == []


def test_only_invalid_has_no_notebook(tmp_path: Path) -> None:
    """The report of data that are no evidence is whole without one; any other is not."""
    assert report_at(report(tmp_path / "a", "INVALID", without="review.ipynb")).sealed
    with pytest.raises(RolloutError, match=r"does not list review\.ipynb"):
        report_at(report(tmp_path / "b", "GO", without="review.ipynb"))


def test_a_watch_is_vouched_for_by_its_seal(tmp_path: Path) -> None:
    """Its parts name no review.json; a page that the seal does not list is refused."""
    html = page_of("")
    parts = {"watch.json": b'{"schema":"rolloutlib/watch@1"}', "watch.html": html.encode(),
             "watch.ipynb": b"{}", "params.yaml": b"stage: 2\n"}  # fmt: skip
    folder = tmp_path / "2026-10-29"
    folder.mkdir()
    written(folder, parts | {SEAL: seal_of(parts)})
    assert report_at(folder / "watch.html").page == html
    (folder / "watch.html").write_text(f"{html} ", encoding="utf-8")
    with pytest.raises(RolloutError, match=r"watch\.html was changed"):
        report_at(folder)
    with pytest.raises(UsageError, match=rf"did you mean {re.escape(str(folder))}\?"):
        report_at(tmp_path)


def test_a_comparison_of_before_is_vouched_for_by_its_digest(tmp_path: Path) -> None:
    """Without a seal its page has to name the review.json beside it; with one, the seal counts."""
    record = b'{"schema":"rolloutlib/comparison@1","recommendation":"GO"}'
    html = page_of(sha256(record).hexdigest()).encode()
    parts = {"review.json": record, "review.html": html}
    folder = written(tmp_path, parts)
    assert not report_at(folder).sealed
    (folder / "review.json").write_bytes(record.replace(b"GO", b"HOLD"))
    with pytest.raises(RolloutError, match=r"review\.html is of another review\.json"):
        report_at(folder)
    assert report_at(written(folder, parts | {SEAL: seal_of(parts)})).sealed
    (folder / "review.html").write_bytes(html.replace(b"NO-GO", b"GO"))
    with pytest.raises(RolloutError, match=r"review\.html was changed"):
        report_at(folder)


def test_a_page_that_may_load_or_run_is_not_printed(tmp_path: Path) -> None:
    """Whoever can make a seal can make any page: without our policy no browser gets it."""
    record = b'{"schema":"rolloutlib/comparison@1"}'
    html = page_of(sha256(record).hexdigest()).replace("default-src 'none'; ", "")
    folder = written(tmp_path, {"review.json": record, "review.html": html.encode()})
    with pytest.raises(RolloutError, match="without its policy"):
        report_at(folder)


@pytest.mark.parametrize(
    ("out", "refusal"),
    [("review.html", "is a part of a report"), (".", "is a folder"), ("no/x.pdf", "no folder")],
)
def test_a_place_that_is_taken_is_refused(tmp_path: Path, out: str, refusal: str) -> None:
    """The PDF replaces no part of a report, and no folder is made for it."""
    folder = report(tmp_path / "w47")
    with pytest.raises(UsageError, match=refusal):
        print_report(folder, folder / out)


def test_what_a_decision_keeps_stays_as_it_was(tmp_path: Path) -> None:
    """A page in the ledger is printed only to another place."""
    (tmp_path / "docs" / "LEDGER").mkdir(parents=True)
    folder = report(tmp_path / "docs" / "LEDGER" / "dec-1")
    with pytest.raises(UsageError, match="name another place"):
        print_report(folder)


def test_a_new_report_takes_the_old_pdf_along(tmp_path: Path) -> None:
    """No PDF says another verdict than the page beside it, whatever else lies in the folder."""
    for other in ("", "notes.md"):
        place = report(tmp_path / f"w{other}")
        (place / "review.pdf").write_bytes(b"%PDF-old")
        if other:
            (place / other).write_text("mine", encoding="utf-8")
        with new_report(place) as made:
            (made.folder / "review.html").write_text("new", encoding="utf-8")
            made.publish()
        assert {path.name for path in place.iterdir()} == {"review.html", other} - {""}


def test_nothing_that_prints_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Chromium it says what to install; a program that is none is a mistake in the call."""
    folder = report(tmp_path / "w47")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("ROLLOUT_CHROMIUM", raising=False)
    assert main(["slides", str(folder), "--by", "chromium"]) == 1
    assert "apt-get install chromium" in capsys.readouterr().err
    assert [engine.name for engine in engines()] == ["weasyprint"]
    monkeypatch.setenv("ROLLOUT_CHROMIUM", "/no/chrome")
    assert main(["slides", str(folder)]) == 2
    assert "'/no/chrome', which is no program" in capsys.readouterr().err
    assert [engine.name for engine in engines("weasyprint")] == ["weasyprint"]
    monkeypatch.setenv("ROLLOUT_CHROMIUM", "/bin/false")
    assert main(["slides", str(folder), "--by", "chromium"]) == 1
    assert "made none (exit code 1" in capsys.readouterr().err
    assert not (folder / "review.pdf").exists()


def test_what_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that never comes back is killed with its children, and its folder goes."""
    program = tmp_path / "chrome"
    program.write_text(f"#!/bin/sh\necho $TMPDIR > {tmp_path}/room\nsleep 300 &\n"
                       f"echo $! > {tmp_path}/child\nsleep 300\n", encoding="utf-8")  # fmt: skip
    program.chmod(0o755)
    monkeypatch.setenv("ROLLOUT_CHROMIUM", str(program))
    monkeypatch.setattr(printing, "SECONDS", 0.5)
    with pytest.raises(RolloutError, match=r"took longer than 0\.5 s"):
        print_report(report(tmp_path / "w47"), engine="chromium")
    child, room = ((tmp_path / name).read_text("utf-8").strip() for name in ("child", "room"))
    assert not Path(room).exists()
    _wait_until_gone(child)


@pytest.mark.slow
def test_a_killed_command_leaves_nothing_that_prints(tmp_path: Path) -> None:
    """SIGKILL of `rollout slides`: the browser goes, and what it started in another session."""
    program = tmp_path / "chrome"
    program.write_text(f"#!/bin/sh\nsetsid sleep 300 &\necho $! > {tmp_path}/child\n"
                       f"echo $$ > {tmp_path}/browser\nsleep 300\n", encoding="utf-8")  # fmt: skip
    program.chmod(0o755)
    command = [sys.executable, "-m", "rolloutlib", "slides", str(report(tmp_path / "w47"))]
    own = os.environ | {"ROLLOUT_CHROMIUM": str(program), "TMPDIR": str(tmp_path)}
    running = subprocess.Popen(command, env=own)
    pids = [_pid_in(tmp_path / name) for name in ("browser", "child")]
    running.kill()
    running.wait()
    for pid in pids:
        _wait_until_gone(pid)


def _pid_in(path: Path) -> str:
    until = time.monotonic() + 60
    while not (path.is_file() and (pid := path.read_text("utf-8").strip())):
        assert time.monotonic() < until, "nothing was started"
        time.sleep(0.02)
    return pid


def _wait_until_gone(pid: str) -> None:
    stat = Path("/proc") / pid / "stat"
    until = time.monotonic() + 20
    with suppress(FileNotFoundError, ProcessLookupError):
        while stat.read_text("utf-8").split()[2] != "Z":
            assert time.monotonic() < until, "it lives"
            time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.usefixtures("chromium")
def test_a_long_temporary_folder_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chromium's sockets lie in a short folder of their own, which goes, too."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert "Chromium" in str(print_report(report(tmp_path / "w47"), engine="chromium").by)
    assert [*deep.iterdir()] == []


@pytest.mark.slow
def test_whoever_printed_instead_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Chromium of the path that fails is told beside what printed; a named one is tried alone."""
    folder = report(tmp_path / "w47")
    (tmp_path / "chromium").symlink_to("/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ROLLOUT_CHROMIUM", raising=False)
    assert main(["slides", str(folder)]) == 0
    shown = capsys.readouterr()
    assert "(printed by WeasyPrint)" in shown.out
    assert re.search(r"Chromium \S+/chromium.* made none \(exit code 1.*WeasyPrint", shown.err)
    monkeypatch.setenv("ROLLOUT_CHROMIUM", "/bin/false")
    (folder / "review.pdf").unlink()
    assert main(["slides", str(folder)]) == 1
    assert "no PDF was made: Chromium /bin/false" in capsys.readouterr().err
    assert not (folder / "review.pdf").exists()


def test_a_temporary_folder_without_room_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the folder that takes no file, and TMPDIR."""
    (tmp_path / "taken").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "taken"))
    assert main(["slides", str(report(tmp_path / "w47")), "--by", "weasyprint"]) == 1
    told_of = capsys.readouterr().err
    assert f"the temporary folder {tmp_path}/taken takes no files to print from" in told_of
    assert "TMPDIR" in told_of


def test_no_text_ends_the_string_of_a_stylesheet() -> None:
    """What is left besides letters, digits and spaces are escapes, which no sheet or page obeys."""
    escaped = css_text("".join(map(chr, range(0x2100))))
    assert re.fullmatch(r"(?:[^\W_]| |\\[0-9a-f]+ )*", escaped)
    assert "\\22 " in escaped
