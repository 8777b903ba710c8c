"""`rollout publish`: what goes out, what stays, and what an older site becomes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import feedparser
import pytest
from msgspec import structs

from rolloutlib.cli import main
from rolloutlib.judge.record import Recommendation
from rolloutlib.ledger.book import append
from rolloutlib.ledger.seal import REVIEW, SEAL
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.show import history
from rolloutlib.show.cut_pages import for_others, without_rows
from rolloutlib.show.past import past_at
from rolloutlib.show.publishing import beside, page_of
from tests.english import english_in, texts_of
from tests.ledger.workbooks import SIGNERS, START, Quick, decided, keys, promotion, signed, workbook
from tests.often import EXHAUSTIVE
from tests.sample_review import Tags
from tests.sealed_reports import sealed_review, sealed_watch, week

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
NAME = "a & <b> ü"
ATTACK = "<script>alert(1)</script> [x](javascript:alert(1)) ![y](http://x.example/y.png)"
BODY = (
    '<main><section><h2>Numbers</h2><p>kept 12 by pm_kim@ex.com</p></section>'
    '<section id="a"><h2>Flipped</h2><section><table class="rl-table answers"><tr><td>my secret'
    '</td></tr></table></section><pre>rl.review()</pre></section>'
    '<section><h2>Refused</h2><table class="rl-table quarantine"><tr><td>row 7: hidden</table>'
    "</section><section><h2>After</h2><p>kept too</p></section></main>"
)  # fmt: skip


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workbook with reports, a signed GO on one of them, and a HOLD that waits."""
    root = workbook(tmp_path_factory.mktemp("publish") / "book")
    report = sealed_review(root / "reports" / NAME, week(1), body=BODY)
    sealed_watch(root / "reports" / "daily" / "2026-03-20")
    (sealed_review(root / "reports" / "broken", week(2)) / "review.html").write_text("GO")
    sealed_review(root / "reports" / "examples" / "en", week(3))
    evidence = {"review.json": (report / "review.json").read_bytes()}
    draft = partial(promotion, note=ATTACK)
    node = append(Workbook(root, Quick()), "promotion", draft, evidence, now=START)
    for minute, who in enumerate(SIGNERS, 1):
        signed(root, node.id, who, hours=minute / 60)
    decided(root, verdict="HOLD", signers=(), hours=1)
    return root


@pytest.fixture(autouse=True)
def here(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in the workbook; drawing takes a second."""
    monkeypatch.chdir(book)
    monkeypatch.setattr(history, "FEWEST", 10_000)


@pytest.fixture(scope="module")
def site(book: Path) -> Path:
    """Return the folder that the workbook was published to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(book)
        patch.setattr(history, "FEWEST", 10_000)
        assert main(["publish", "site"]) == 0
    return book / "site"


def files(site: Path) -> set[str]:
    """Return the paths of all files of a site."""
    return {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}


def test_what_goes_out_is_pages_and_a_feed(site: Path) -> None:
    """No record, key, notebook, parameters, refused rows, broken or shipped report is there."""
    assert files(site) == {
        ".nojekyll", ".rollout-published", "feed.xml", "index.html",
        "decisions/dec-20261122-001.html", "decisions/dec-20261122-002.html",
        f"reports/{NAME}/review.html", "reports/daily/2026-03-20/watch.html",
    }  # fmt: skip
    text = "".join((site / name).read_text("utf-8") for name in files(site))
    keyed = [path.read_text().split()[1] for path in keys().glob("*.pub")]
    assert not [secret for secret in (*keyed, "@ex.com", "my secret", "row 7") if secret in text]
    assert "rl.review()" not in text
    assert "kept 12 by pm_kim@…" in text
    assert "kept too" in text


def test_every_address_leads_to_a_file_that_is_there(site: Path) -> None:
    """Links are relative and whole; nothing is loaded, and the policy of each page forbids it."""
    for name in files(site):
        if not name.endswith(".html"):
            continue
        html = (site / name).read_text("utf-8")
        assert "url(" not in html
        if not name.startswith("reports/"):
            assert "default-src 'none'" in html
        assert not Tags(html).tags & {"script", "iframe", "link", "object", "embed", "form"}
        for attribute, address in re.findall(r'\b(href|src|srcset)="([^"]*)"', html):
            if address.startswith("data:image/svg+xml") and attribute != "href":
                continue
            parts = urlsplit(address)
            assert (parts.scheme, parts.netloc) == ("", "")
            assert not parts.path or (site / name).parent.joinpath(unquote(parts.path)).is_file()


def test_a_page_leads_to_the_index_of_its_site(book: Path) -> None:
    """Wherever the report lay when it was made, and whichever folder of reports is published."""
    foot = '<footer>Made. <a class="rl-index" href="../index.html">All: reports</a></footer>'
    moved = sealed_review(book / "reports" / "daily" / "archive" / "x", week(7), body=foot)
    before = (moved / "review.html").read_bytes()
    for line, where in (("publish all", "reports/daily/archive/x"),
                        ("publish part --reports reports/daily", "reports/archive/x")):  # fmt: skip
        assert main(line.split()) == 0
        out = book / line.split()[1]
        html = (out / where / "review.html").read_text("utf-8")
        (href,) = re.findall('<a class="rl-index" href="([^"]*)">All reports and decisions<', html)
        assert (out / where / href).resolve() == out / "index.html"
        test_every_address_leads_to_a_file_that_is_there(out)
    assert (moved / "review.html").read_bytes() == before
    shutil.rmtree(moved.parent)


def test_the_index_leads_to_reports_and_decisions(site: Path) -> None:
    """A row leads to its page and to the card that stands on it; the card leads back."""
    html = (site / "index.html").read_text("utf-8")
    assert "reports/a%20%26%20%3Cb%3E%20%C3%BC/review.html" in html
    assert html.count('href="decisions/dec-20261122-001.html"') == 2
    assert "pm, qa, owner" in html or "signed: " in html
    assert "more are due" in html
    card = (site / "decisions" / "dec-20261122-001.html").read_text("utf-8")
    assert "../reports/a%20%26%20%3Cb%3E%20%C3%BC/review.html" in card
    assert "&lt;script&gt;alert(1)" in card
    assert "x.example/y.png" in re.sub("<[^>]*>", "", card)
    assert "<table" in card


def test_the_feed_is_valid_and_its_items_stay_the_same(book: Path, site: Path) -> None:
    """RSS 2.0 with one item a decision, whose guid survives publishing, whatever the address."""
    first = feedparser.parse(str(site / "feed.xml"))
    assert (first.bozo, first.version, len(first.entries)) == (False, "rss20", 2)
    assert main(["publish", "elsewhere", "--base-url", "https://x.example/r", "--lang", "ko"]) == 0
    again = feedparser.parse(str(book / "elsewhere" / "feed.xml"))
    assert [entry.id for entry in again.entries] == [entry.id for entry in first.entries]
    assert all(re.fullmatch("urn:sha256:[0-9a-f]{64}", entry.id) for entry in first.entries)
    assert again.entries[0].link == "https://x.example/r/decisions/dec-20261122-002.html"
    assert first.entries[0].link == "decisions/dec-20261122-002.html"
    assert again.feed.language == "ko"
    korean = (book / "elsewhere" / "index.html").read_text("utf-8")
    reasons = [past.text for past in week(1).reasons]
    odd = [text for text in texts_of(korean) if english_in(text, [*reasons, NAME])]
    assert [text for text in odd if "the data prove" not in text and "pp since" not in text] == []


def test_publishing_again_replaces_the_whole(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report that is gone is gone there; a file of somebody else keeps everything as it is."""
    out = book / "again"
    more = sealed_review(book / "reports" / "more", week(4))
    assert main(["publish", "again"]) == 0
    assert "reports/more/review.html" in files(out)
    for path in more.iterdir():
        path.unlink()
    assert main(["publish", "again"]) == 0
    assert "reports/more/review.html" not in files(out)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "Published: again (2 reports, 2 decisions)"
    assert "Left out, since it is INVALID or not as sealed: broken" in lines
    before = files(out)
    (out / "CNAME").write_text("rollout.example")
    assert main(["publish", "again"]) == 2
    assert "holds CNAME" in capsys.readouterr().err
    assert files(out) == before | {"CNAME"}
    assert not list(book.glob(".rollout-*"))


def test_a_killed_run_of_another_site_keeps_its_pages(book: Path) -> None:
    """A site whose replacement was cut off stays for its own next run, whoever publishes beside."""
    assert main(["publish", "two/a"]) == 0
    before = files(book / "two/a")
    (book / "two/a").rename(beside(book / "two/a", "old"))  # as a kill leaves it
    assert main(["publish", "two/b"]) == 0
    assert files(beside(book / "two/a", "old")) == before
    assert main(["publish", "two/a"]) == 0
    assert files(book / "two/a") == before
    stale = beside(book / "two/b", "old")  # killed after the new one was in place
    shutil.copytree(book / "two/b", stale)
    assert main(["publish", "two/b"]) == 0
    assert sorted(path.name for path in (book / "two").iterdir()) == ["a", "b"]


@pytest.mark.parametrize("renewed", [REVIEW, SEAL])
def test_a_report_that_is_written_anew_meanwhile_stays(tmp_path: Path, renewed: str) -> None:
    """A page goes out only with the record that the index tells."""
    folder = sealed_review(tmp_path / "w", week(5))
    past = past_at(folder, "w")
    assert page_of(past, folder) is not None
    other = sealed_review(tmp_path / "other", week(6))
    if renewed == SEAL:
        shutil.copytree(other, folder, dirs_exist_ok=True)
    else:
        shutil.copy(other / renewed, folder / renewed)
    assert page_of(past, folder) is None
    day = sealed_watch(tmp_path / "day")
    assert page_of(past_at(day, "day"), day) is not None


@pytest.mark.parametrize(
    "out",
    [
        ".", "..", "docs", "docs/LEDGER/site", "reports", "reports/site", "params/x", "mine",
        ".git/site", "two/.git/site", "keys/site", "rolloutlib/site", "tests/x", "reports/examples",
    ],
)  # fmt: skip
def test_a_folder_that_is_not_ours_is_refused(
    book: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The workbook's own folders, those around it, and any that somebody filled stay as is."""
    (book / "mine").mkdir(exist_ok=True)
    (book / "mine" / "note.txt").write_text("mine")
    before = files(book)
    assert main(["publish", out]) == 2
    assert "rollout: " in capsys.readouterr().err
    assert files(book) == before


def test_another_folder_of_reports_frees_no_place(book: Path) -> None:
    """Pages below reports/ would be met by the next review, whatever is published."""
    assert main(["publish", "reports/site", "--reports", "reports/daily"]) == 2
    assert not (book / "reports" / "site").exists()


def test_an_odd_name_of_a_report_blocks_no_later_run(book: Path) -> None:
    """What was put there is known again, line breaks and all."""
    odd = sealed_review(book / "reports" / 'a\n"b', week(4))
    assert main(["publish", "odd"]) == 0
    assert 'reports/a\n"b/review.html' in files(book / "odd")
    shutil.rmtree(odd)
    assert main(["publish", "odd"]) == 0
    assert not (book / "odd" / "reports" / 'a\n"b').exists()


@pytest.mark.parametrize("line", ["publish ring", "publish ring/x", "publish y --reports ring"])
def test_links_in_a_circle_are_no_fault_of_ours(
    book: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever walks there is told what they are."""
    ring = book / "ring"
    ring.symlink_to("ring")
    try:
        assert main(line.split()) in {1, 2}
    finally:
        ring.unlink()
    assert "links lead in a circle" in capsys.readouterr().err


@pytest.mark.parametrize(
    "base",
    [
        "x.example", "javascript:alert(1)", "https://", "https://x?y", "https://me:pw@x/",
        "https://x/\x07", "https://x/a b", "https://x:99999/", 'https://x/">', "https://:8/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(base: str) -> None:
    """The feed's links would lead nowhere, or run something."""
    assert main(["publish", "nowhere", "--base-url", base]) == 2
    assert not Path("nowhere").exists()


def test_a_ledger_that_does_not_hold_is_not_published(
    book: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed signature stops it with one sentence, and the older site stays."""
    before = {name: (site / name).read_bytes() for name in files(site)}
    signoff = book / "docs/LEDGER/dec-20261122-001.pm_kim@ex.com.signoff"
    data = signoff.read_bytes()
    try:
        signoff.write_bytes(data.replace(b"Kim", b"Kin"))
        assert main(["publish", "site"]) == 1
    finally:
        signoff.write_bytes(data)
    assert "rollout verify" in capsys.readouterr().err
    assert {name: (site / name).read_bytes() for name in files(site)} == before


def test_everything_goes_out_where_that_is_wished(book: Path) -> None:
    """--whole publishes pages as they are sealed, and addresses on cards."""
    assert main(["publish", "whole", "--whole"]) == 0
    page = (book / "whole" / "reports" / NAME / "review.html").read_bytes()
    assert page == (book / "reports" / NAME / "review.html").read_bytes()
    assert "pm_kim@ex.com" in (book / "whole/decisions/dec-20261122-001.html").read_text("utf-8")


def test_the_shipped_examples_lose_their_single_rows() -> None:
    """Of a real page the sections of single answers are cut, the others stay byte by byte."""
    page = Path(__file__).parents[2].joinpath("reports/examples/en/review.html").read_text("utf-8")
    cut = without_rows(page)
    assert "rest_14" in page
    assert "rest_14" not in cut
    assert "Flipped answers" in cut
    assert cut.count("Single rows are not published") == page.count('class="rl-table answers"')
    assert cut.endswith(page[-2000:])
    assert [cut.count(f"<{tag}") - cut.count(f"</{tag}>") for tag in ("div", "section")] == [0, 0]


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """Serve the site as any static host does; give its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- so it is called
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(not EXHAUSTIVE, reason="run by `make faults`")
@pytest.mark.browser
def test_a_served_site_opens_in_a_browser(served: str, chromium: str) -> None:
    """Chromium reaches reports and cards by their links, and asks nobody else."""
    code = (
        "import sys\nfrom playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p:\n"
        " b = p.chromium.launch(executable_path=sys.argv[2], args=['--no-sandbox'])\n"
        " page = b.new_page(); asked = []; page.on('request', lambda r: asked.append(r.url))\n"
        " page.goto(sys.argv[1]); every = page.locator('a')\n"
        " links = every.evaluate_all('all => all.map(one => one.href)')\n"
        " [print(page.goto(link).status, link) for link in links]\n"
        " print(*[u for u in asked if not u.startswith(('data:', sys.argv[1]))])\n"
    )
    call = [sys.executable, "-c", code, served, chromium]
    lines = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) > 4
    assert [line for line in lines[:-1] if not line.startswith("200 ")] == []
    assert lines[-1].strip() == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<li>by engine\\@ex.com</li>", "<li>by engine@…</li>"),
        ("kim@localhost, kim%40ex.com, kim&#64;ex.xn--3e0b707e", "kim@…, kim@…, kim@…"),
        ("<code>rollout decide /home/kim/w/go --x</code>", "<code>rollout decide …/go --x</code>"),
        ('<img src="data:image/png;base64,/9j/4AAQ/x+/ab/c=">', None),
        ('<a href="../reports/a/review.html">a/b/c</a>', None),
    ],
)  # fmt: skip
def test_people_and_machines_are_not_told(text: str, shown: str | None) -> None:
    """However an address is written it ends before its @, and a machine's folders are cut."""
    assert for_others(text) == (text if shown is None else shown)


def test_refused_data_are_not_quoted_outside(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why data are INVALID quotes their rows, so that such a report stays inside."""
    monkeypatch.chdir(book)
    refused = structs.replace(week(1), recommendation=Recommendation.INVALID)
    folder = sealed_review(book / "reports" / "refused", refused)
    assert main(["publish", "inside"]) == 0
    assert not (book / "inside" / "reports" / "refused").exists()
    assert main(["publish", "whole", "--whole"]) == 0
    assert (book / "whole" / "reports" / "refused" / "review.html").is_file()
    shutil.rmtree(folder)
