"""reports/index.html: what it tells of each report, what it never tells, and when it is written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import nbformat
import pytest
from msgspec.structs import replace

from rolloutlib.cli import main
from rolloutlib.commands.history import renew_if_there, renewing
from rolloutlib.errors import NoEvidenceError, RolloutError, UsageError
from rolloutlib.judge.pair_record import PairReview
from rolloutlib.judge.record import Recommendation, Review, Verdict, encode
from rolloutlib.ledger.seal import (
    NOTEBOOK,
    PAGE,
    PARAMS,
    REVIEW,
    SEAL,
    WATCH,
    WATCH_NOTEBOOK,
    parts_in,
    seal_of,
)
from rolloutlib.reason import Reason
from rolloutlib.show import history, past_store
from rolloutlib.show.cut_pages import in_site
from rolloutlib.show.gates_over_time import drawable, in_order
from rolloutlib.show.history import write_index
from rolloutlib.show.notebooks import render_html
from rolloutlib.show.past import past_at, past_of
from rolloutlib.show.past_rows import row_of
from rolloutlib.show.past_store import CACHE, Known, gather, index_from, known_at
from rolloutlib.show.slides import report_at
from rolloutlib.words.reasons import sentence
from tests.english import english_in, texts_of
from tests.often import EXHAUSTIVE
from tests.sample_review import ATTACK, Tags, hostile
from tests.sample_watch import sample_watch
from tests.sealed_reports import NOW, sealed_review, sealed_watch, week

exhaustive = pytest.mark.skipif(not EXHAUSTIVE, reason="run by `make faults`")
NO_GO, GO = Recommendation.NO_GO, Recommendation.GO


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of reports of an empty workbook, in which the caller stands."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").touch()
    (tmp_path / "reports").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(history, "FEWEST", 10_000)  # drawing takes a second
    return tmp_path / "reports"


def page(reports: Path, lang: str = "en") -> str:
    """Write the index and return it."""
    return write_index(reports, lang, root=reports.parent).path.read_text("utf-8")


def rows(html: str) -> list[str]:
    """Return the words of each row of the table of reports."""
    table = re.search(r'<table class="rl-table history">.*?</table>', html, re.DOTALL)
    body = table[0].partition("<tbody>")[2] if table else ""
    return [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in body.split("</tr>")[:-1]]


def test_the_newest_comes_first_with_what_it_says(reports: Path) -> None:
    """A row tells recommendation, stage, flags, dates, look, users and the first reason."""
    sealed_review(reports / "b", week(1, NO_GO), NOW - timedelta(days=7))
    sealed_review(reports / "a" / "deep", week(2), NOW)
    newest, older = rows(page(reports))
    assert newest.startswith("? HOLD a/deep made 2026-03-20 09:00 UTC 2, Opt-in beta")
    assert older.startswith("✕ NO-GO b made 2026-03-13")
    assert "off → on" in newest


def test_what_has_no_notebook_has_the_time_of_its_seal(reports: Path) -> None:
    """INVALID and a comparison are listed with their word, and the page says whose time it is."""
    sealed_review(reports / "refused", week(1, Recommendation.INVALID))
    pair = PairReview(control="a", treatment="b", recommendation=GO, reasons=())
    folder, data = reports / "files", encode(pair)
    folder.mkdir()
    meta = f'<head><meta name="rollout-review" content="sha256:{sha256(data).hexdigest()}"></head>'
    parts = {REVIEW: data, PAGE: meta.encode()}
    for name, part in (*parts.items(), (SEAL, seal_of(parts))):
        (folder / name).write_bytes(part)
    shown = sorted(rows(page(reports)))
    assert shown[0].startswith("! INVALID refused file of 20")
    assert shown[1].startswith("✓ GO files file of 20")
    assert "two files a → b" in shown[1]


@pytest.mark.parametrize("part", [REVIEW, PAGE, NOTEBOOK, PARAMS, SEAL])
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_a_report_that_is_not_as_sealed_has_no_verdict(reports: Path, part: str, how: str) -> None:
    """Whatever part was changed or removed: the report is named, and its verdict is not."""
    folder = sealed_review(reports / "mine", week(1, GO))
    if how == "gone":
        (folder / part).unlink()
    else:
        (folder / part).write_bytes((folder / part).read_bytes().replace(b"e", b"x") + b" ")
    html = page(reports)
    assert rows(html) == []
    assert "GO" not in html.partition("<main>")[2].replace("NO-GO", "")
    assert "mine" in html
    assert ("no seal that can be read" in html) == (part == SEAL)


def test_a_page_of_another_review_is_seen(reports: Path) -> None:
    """A seal that somebody made anew over parts of two reviews hides nothing."""
    folder = sealed_review(reports / "mixed", week(1, GO))
    other = sealed_review(reports.parent / "elsewhere", week(2, NO_GO))
    (folder / PAGE).write_bytes((other / PAGE).read_bytes())
    parts = {name: (folder / name).read_bytes() for name in (REVIEW, PAGE, NOTEBOOK, PARAMS)}
    (folder / SEAL).write_bytes(seal_of(parts))
    assert past_at(folder, "mixed").wrong == (PAGE,)


def test_a_report_without_a_seal_is_listed_as_such(reports: Path) -> None:
    """What a notebook left, or somebody wrote by hand, is no report of the index."""
    (reports / "draft").mkdir()
    (reports / "draft" / REVIEW).write_text(json.dumps({"recommendation": "GO"}))
    (reports / "page").mkdir()
    (reports / "page" / PAGE).write_text("<p>GO</p>")
    html = page(reports)
    assert rows(html) == []
    assert html.count("It has no seal that can be read.") == 2


def test_names_of_folders_are_text(reports: Path) -> None:
    """A folder that is called like a script, an entity or bytes is shown, and leads to itself."""
    name = "<img src=x onerror=alert(1)> & 'x\"\u202e"
    sealed_review(reports / name, week(1))
    os.mkdir(os.fsencode(reports) + b"/\xff")  # noqa: PTH102 -- a name that is no text
    (reports / os.fsdecode(b"\xff") / SEAL).write_bytes(b"")
    html = page(reports)
    assert "script" not in Tags(html).tags
    assert html.count("<img ") == html.count('<img src="data:')
    assert (
        "%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%20%26%20%27x%22%E2%80%AE/review.html" in html
    )
    assert "Its name is no UTF-8" in html


def test_what_reviews_say_is_text(reports: Path) -> None:
    """Arms, reasons and tags of somebody else's data run nothing in the index either."""
    for number in (1, 2):
        sealed_review(reports / f"w{number}", hostile().record)
    html = page(reports)
    assert ATTACK not in html
    assert "<script" not in html


def test_the_index_loads_nothing(reports: Path) -> None:
    """It leads only to reports beside it; pictures are in the page, and the policy forbids more."""
    sealed_review(reports / "w1", week(1))
    sealed_watch(reports / "daily" / "2026-03-20")
    html = page(reports)
    leads = re.findall(r'(?:href|src|srcset)="([^"]*)"', html)
    assert {lead.partition(",")[0] for lead in leads} <= {
        "w1/review.html", "daily/2026-03-20/watch.html", "data:image/svg+xml;base64",
    }  # fmt: skip
    assert "default-src 'none'" in html
    assert "url(" not in html


@pytest.mark.slow
def test_gates_stand_over_time(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second review of the same arms on each gate has a panel; watches have none."""
    monkeypatch.setattr(history, "FEWEST", 2)
    sealed_review(reports / "w1", week(1, NO_GO))
    sealed_watch(reports / "daily" / "2026-03-20")
    assert "<figure" not in page(reports)
    sealed_review(reports / "w2", week(2))
    html = page(reports, "ko")
    assert html.count("<figure") == 1
    alt = re.search(r'alt="([^"]*)"', html)
    assert alt is not None
    assert "검토 2건" in alt[1]
    sentences = [sentence(reason) for reason in (*week(1).reasons, *sample_watch().reasons)]
    assert [text for text in texts_of(html) if english_in(text, sentences)] == []


def test_nothing_is_written_where_nothing_changed(reports: Path) -> None:
    """A second call writes nothing; a changed report, another language or a lost page does."""
    folder = sealed_review(reports / "w1", week(1))
    first = write_index(reports).path
    made = first.stat().st_ino
    write_index(reports)
    assert first.stat().st_ino == made
    (folder / PARAMS).write_bytes(b"")
    write_index(reports)
    assert first.stat().st_ino != made
    korean = write_index(reports, "ko").path.read_text("utf-8")
    assert '<html lang="ko"' in korean
    first.unlink()
    (reports / CACHE).write_bytes(b"\xff{")
    assert write_index(reports).path.is_file()


@pytest.mark.parametrize("changed", ["__version__", "catalogues"])
def test_another_version_knows_nothing(
    reports: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """What another version, or another catalogue, read and drew is read and drawn again."""
    sealed_review(reports / "w1", week(1))
    write_index(reports)
    assert known_at(reports).reports
    other = "0.0.0" if changed == "__version__" else lambda: b"other"
    monkeypatch.setattr(past_store, changed, other)
    assert known_at(reports) == Known()


def test_a_page_of_somebody_else_stays(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An index.html that people wrote is not replaced, and the sentence says what to do."""
    (reports / "index.html").write_text("mine")
    assert main(["history"]) == 2
    assert "was not made by `rollout history`" in capsys.readouterr().err
    assert (reports / "index.html").read_text() == "mine"
    (reports / "index.html").unlink()
    (reports / "index.html").symlink_to(reports.parent / "params" / "plan.yaml")
    assert main(["history"]) == 2


def test_the_command_prints_its_table(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line a report, those that are not as sealed last; then where the page is."""
    sealed_review(reports / "w1", week(1, NO_GO), NOW - timedelta(days=1))
    (sealed_review(reports / "w2", week(2)) / PARAMS).write_bytes(b"")
    sealed_watch(reports / "daily" / "2026-03-20")
    assert main(["history"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[2:5]] == ["daily/2026-03-20", "w1", "w2"]
    assert lines[4].startswith("! not as sealed")
    assert lines[-1] == "Index: reports/index.html"
    assert main(["history", "reports", "--lang", "ko"]) == 0
    assert "승급 불가" in capsys.readouterr().out
    assert main(["history", "nowhere"]) == 2


def test_an_exploration_is_no_look_in_the_terminal(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table says of a look that it was an exploration, as the page does."""
    look = replace(week(1).look, number=1, planned=1, counting="exploration")
    sealed_review(reports / "w1", replace(week(1), look=look))
    assert main(["history"]) == 0
    assert " 1 / 1 exploration " in capsys.readouterr().out
    (row,) = rows((reports / "index.html").read_text("utf-8"))
    assert " 1 / 1 exploration " in row


def test_only_reports_below_reports_renew_the_index(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report elsewhere renews nothing; refused data do; what fails is said and stops nothing."""
    root, index = reports.parent, reports / "index.html"
    with renewing(root, "en") as made:
        made(root / "out" / "review.html")
    assert not index.exists()

    def refuse() -> None:
        with renewing(root, "en") as made:
            made(reports / "w1" / "review.html")
            raise NoEvidenceError("no evidence")

    with pytest.raises(NoEvidenceError):
        refuse()
    assert index.exists()
    index.write_text("mine")
    with renewing(root, "en") as made:
        made(reports / "w1" / "review.html")
    assert "reports/index.html is not up to date" in capsys.readouterr().err


def test_the_ledger_renews_an_index_that_is_there(reports: Path) -> None:
    """A decision or a signature makes no index, and brings the one that is there up to date."""
    index = reports / "index.html"
    renew_if_there(reports.parent)
    assert not index.exists()
    page(reports, "ko")
    sealed_review(reports / "w1", week(1))
    renew_if_there(reports.parent)
    html = index.read_text("utf-8")
    assert len(rows(html)) == 1
    assert '<html lang="ko"' in html


def test_a_report_leads_to_the_index_that_lists_it(reports: Path) -> None:
    """Its page has the address where a row of the index leads back; a site's index lies higher."""
    sealed_review(reports / "w1", week(1))
    sealed_watch(reports / "daily" / "2026-03-20")
    for past in gather(reports, Known()):
        folder = reports / past.where
        assert (folder / index_from(folder, reports)).resolve() == reports / "index.html"
    elsewhere = ("", "examples/en", "a/b/c/d/e", ".new/w1", "../out")
    assert {index_from(reports / name, reports) for name in elsewhere} == {""}
    html = render_html(nbformat.v4.new_notebook(), "ko", index="../index.html")
    assert '<a class="rl-index" href="../index.html">모든 보고서: reports/index.html</a>' in html
    for where, up in (("w1", "../../"), ("daily/2026-03-20", "../../../"), ("a/b/x", "../" * 4)):
        leads = f'<a class="rl-index" href="{up}index.html">모든 보고서와 결정</a>'
        assert leads in in_site(html, where)
    assert "rl-index" not in render_html(nbformat.v4.new_notebook())


def test_links_are_not_followed(reports: Path) -> None:
    """A link to a report, or to a folder above, is not met as another report."""
    sealed_review(reports / "w1", week(1))
    (reports / "latest").symlink_to("w1")
    (reports / "up").symlink_to("..")
    assert [past.where for past in gather(reports, Known())] == ["w1"]


@exhaustive
def test_many_at_once_leave_one_whole_page(reports: Path) -> None:
    """Eight processes that renew the index at the same time leave one that tells all reports."""
    first = sealed_review(reports / "w0", week(0))
    for number in range(1, 8):
        shutil.copytree(first, reports / f"w{number}")
    code = "from pathlib import Path; from rolloutlib.show.history import write_index as write"
    call = [sys.executable, "-c", f"{code}; write(Path('reports'))"]
    running = [subprocess.Popen(call, cwd=reports.parent) for _ in range(8)]
    assert [process.wait() for process in running] == [0] * 8
    html = (reports / "index.html").read_text("utf-8")
    assert len(rows(html)) == 8
    assert sorted(path.name for path in reports.glob(".*")) == [CACHE]


@exhaustive
def test_a_thousand_reports_take_less_than_a_second(reports: Path) -> None:
    """What is known is not read again: of a thousand reports a new one alone is."""
    first = sealed_review(reports / "w0", week(0))
    for number in range(1, 1000):
        shutil.copytree(first, reports / f"w{number}")
    write_index(reports)
    shutil.copytree(first, reports / "new")
    began = time.process_time()
    html = page(reports)
    assert time.process_time() - began < 1
    assert len(rows(html)) == 1001


def test_reviews_stand_in_the_order_of_their_data(reports: Path) -> None:
    """The time is the data's, whenever they were reviewed; the same data and rules stand once."""
    sealed_review(reports / "late", week(2), NOW - timedelta(days=30))
    sealed_review(reports / "early", week(1), NOW)
    sealed_review(reports / "again", week(1), NOW + timedelta(days=1))
    ordered = in_order(gather(reports, Known()))
    assert [past.where for past in ordered] == ["again", "late"]


@exhaustive
def test_odd_records_break_nothing(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers beyond any axis, facts of another version, times at the ends: the page is written."""
    monkeypatch.setattr(history, "FEWEST", 2)
    huge = replace(week(1).gates[0].evidence, point=1e308, lower=-1e308, upper=None)
    gates = (replace(week(1).gates[0], evidence=huge), *week(1).gates[1:])
    sealed_review(reports / "huge", replace(week(1), gates=gates))
    bare = past_at(sealed_review(reports / "bare", replace(week(2), gates=())), "bare")
    other = replace(bare, first=Reason("gate.broken", {}, "Of another version."))
    assert row_of(other, (), str)[5].text == "Of another version."
    times = (replace(week(3).runs[0], last_at=datetime.max.replace(tzinfo=UTC)),)
    sealed_review(reports / "times", replace(week(3), runs=times))
    assert len(rows(page(reports))) == 3


def test_an_unknown_verdict_is_none(reports: Path) -> None:
    """A word that no review says, in a record that was sealed anew, is no verdict."""
    folder = sealed_review(reports / "w1", week(1))
    text = (folder / REVIEW).read_text("utf-8").replace('"HOLD"', '"MAYBE"')
    (folder / REVIEW).write_text(text, "utf-8")
    assert past_at(folder, "w1").word == ""


@pytest.mark.parametrize("outcome", ["GO", "RED", "XYZ"])
def test_a_word_of_another_kind_is_none(reports: Path, outcome: str) -> None:
    """A review has no outcome and a watch no recommendation: each shows its own word alone."""
    reseal(sealed_review(reports / "w1", week(1, NO_GO)), REVIEW, outcome=outcome)
    reseal(sealed_watch(reports / "day"), WATCH, recommendation=outcome)
    assert [past.word for past in gather(reports, Known())] == [sample_watch().outcome, "NO_GO"]
    assert len(rows(page(reports))) == 2


def test_a_report_misses_a_part_everywhere(reports: Path) -> None:
    """A day without its notebook, or a review sealed without one: neither listed nor printed."""
    for folder, part in (
        (sealed_watch(reports / "day"), WATCH_NOTEBOOK), (sealed_review(reports / "w1", week(1)),
                                                          NOTEBOOK),
    ):  # fmt: skip
        (folder / part).unlink()
        (folder / SEAL).write_bytes(seal_of(parts_of(folder)))
        assert past_at(folder, folder.name).wrong == (part,)
        with pytest.raises(RolloutError, match=f"does not list {part}"):
            report_at(folder)


def test_odd_verdicts_are_not_drawn(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gates whose verdict is none have no panel; without any there is no figure."""
    monkeypatch.setattr(history, "FEWEST", 2)
    gates = [{**gate, "evidence": {"verdict": "odd", "point": 0.1}} for gate in gates_of(week(1))]
    for number in (1, 2):
        reseal(sealed_review(reports / f"w{number}", week(number)), REVIEW, gates=gates)
    html = page(reports)
    assert len(rows(html)) == 2
    assert "<figure" not in html
    mixed = past_of(encode(replace(week(1))), "w")
    odd = replace(mixed.gates[0], evidence=replace(mixed.gates[0].evidence, verdict="odd"))
    gates_drawn = drawable([mixed, replace(mixed, gates=(odd, *mixed.gates[1:]))])
    assert {gate.evidence.verdict for gate in gates_drawn} <= {*Verdict}
    assert gates_drawn[0] == mixed.gates[0]


def parts_of(folder: Path) -> dict[str, bytes]:
    """Return the parts of a report but for its seal."""
    return {name: (folder / name).read_bytes() for name in parts_in(folder) if name != SEAL}


def gates_of(review: Review) -> list[dict[str, object]]:
    """Return the gates as its record has them."""
    return json.loads(encode(review))["gates"]


def reseal(folder: Path, name: str, **changed: object) -> None:
    """Change a record, let the other parts name it, and seal all of it again."""
    old = (folder / name).read_bytes()
    new = json.dumps(json.loads(old) | changed).encode()
    was, now = (sha256(data).hexdigest().encode() for data in (old, new))
    parts = {part: data.replace(was, now) for part, data in parts_of(folder).items()} | {name: new}
    for part, data in (*parts.items(), (SEAL, seal_of(parts))):
        (folder / part).write_bytes(data)


@pytest.mark.parametrize("place", ["/", ".", "docs", "other/.git/reports"])
def test_a_folder_without_reports_gets_no_index(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An index there would lie among other files; nothing is written."""
    root = tmp_path / "book"
    shutil.copytree(Path(__file__).parents[2] / "params", root / "params")
    (root / "docs").mkdir()
    sealed_review(root / "reports" / "r", week(1))
    sealed_review(root / "other" / ".git" / "reports" / "r", week(1))
    monkeypatch.chdir(root)
    before = {*root.rglob("*")}
    assert main(["history", place]) == 2
    assert "is no folder of reports; name one" in capsys.readouterr().err
    assert {*root.rglob("*")} == before
    assert main(["history", "reports"]) == 0


def test_no_folder_is_a_sentence(tmp_path: Path) -> None:
    """What is no folder of reports is named."""
    with pytest.raises(UsageError, match="is no folder of reports"):
        write_index(tmp_path / "nothing")
