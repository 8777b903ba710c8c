"""A report is whole or not there: parts that disagree are named, crashes heal, nothing is mixed."""

from __future__ import annotations

import errno
import os
import random
import re
import signal
import subprocess
import sys
import time
from hashlib import sha256
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import nbformat
import pytest
from msgspec.structs import replace

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.judge.record import Recommendation
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.pins import ReviewFolder
from rolloutlib.ledger.seal import OF_REVIEW, SEAL, faults, parts_in, seal_of
from rolloutlib.plan.params import review_params
from rolloutlib.runs.quarantine import InputFile, Quarantined
from rolloutlib.show import owned, report
from rolloutlib.show.bundle import LOCK, NEW, new_report
from rolloutlib.show.folder import save
from rolloutlib.show.invalid import invalid_report
from rolloutlib.show.notebooks import render_html
from rolloutlib.show.sealing import _seal
from tests.ledger.workbooks import ROOT, Quick
from tests.often import EXHAUSTIVE
from tests.sample_review import bfcl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rolloutlib.ledger.durable import Files

pytestmark = pytest.mark.slow
PARAMS = review_params({"stage": 2, "runs": "data/examples/bfcl"})
REFUSED = f"quarantine/{'ab' * 32}.jsonl"
PARTS = ("review.json", "review.html", "review.ipynb", "params.yaml", OF_REVIEW, REFUSED, SEAL)
CARRIERS = ("review.html", "review.ipynb", "params.yaml", OF_REVIEW)


def sealed(folder: Path, recommendation: str) -> Path:
    """Write the report of a review that recommends this, with a row in its quarantine."""
    folder.mkdir()
    review = replace(
        bfcl(), recommendation=Recommendation(recommendation),
        refused=(Quarantined("a.csv", 2, "arm", "'x'", f"expected {recommendation}", "x"),),
        inputs=(InputFile("a.csv", "ab" * 32, "table", 2, 1, 1),),
    )  # fmt: skip
    save(review, folder, PARAMS)
    shown = nbformat.v4.new_output("display_data", data={"text/html": f"<p>{recommendation}</p>"})
    cell = nbformat.v4.new_code_cell("", outputs=[shown])
    assert _seal(folder, nbformat.v4.new_notebook(cells=[cell]), "en", whole=True) == recommendation
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the parts of a GO and of a NO_GO."""
    root = tmp_path_factory.mktemp("both")
    return read(sealed(root / "go", "GO")), read(sealed(root / "no", "NO_GO"))


def read(folder: Path) -> dict[str, bytes]:
    """Return the parts of a report."""
    return {name: (folder / name).read_bytes() for name in parts_in(folder)}


def written(folder: Path, parts: dict[str, bytes]) -> Path:
    """Write parts as they are given."""
    for name, data in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


# --- parts that disagree --------------------------------------------------------------------------


def test_a_sealed_report_has_no_faults(
    both: tuple[dict[str, bytes], dict[str, bytes]], tmp_path: Path
) -> None:
    """All parts are listed, the page and the others carry the digest, and sha256sum agrees."""
    go, _ = both
    assert set(go) == set(PARTS)
    assert faults(go) == []
    digest = sha256(go["review.json"]).hexdigest()
    assert f'<meta name="rollout-review" content="sha256:{digest}">'.encode() in go["review.html"]
    folder = written(tmp_path / "go", go)
    checked = ["sha256sum", "--strict", "-c"]
    subprocess.run([*checked, SEAL], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    beside = folder / "quarantine"
    subprocess.run([*checked, "review.sha256"], cwd=beside, check=True, stdout=subprocess.DEVNULL)


def named(go: dict[str, bytes]) -> str:
    """Return what is wrong, in one text."""
    return "; ".join(map(str, faults(go)))


@pytest.mark.parametrize("part", [part for part in PARTS if part != SEAL])
def test_a_part_of_another_review_is_named(
    both: tuple[dict[str, bytes], dict[str, bytes]], part: str
) -> None:
    """Whichever part comes from the NO_GO: it is named, and no part that is right."""
    go, no = both
    wrong = named(go | {part: no[part]})
    assert part in wrong
    named_parts = wrong.replace("is of another review.json", "").replace(
        f"{SEAL} does not list it", ""
    )
    assert [other for other in PARTS if other in named_parts.split()] == [part]


@pytest.mark.parametrize("part", ["review.json", *CARRIERS])
def test_a_new_seal_over_a_mixture_deceives_nobody(
    both: tuple[dict[str, bytes], dict[str, bytes]], part: str
) -> None:
    """Parts of two reviews sealed again by hand still name two reviews."""
    go, no = both
    mixed = go | {part: no[part]}
    wrong = faults(mixed | {SEAL: seal_of(mixed)})
    assert len(wrong) == (len(CARRIERS) if part == "review.json" else 1)
    assert all("is of another review.json" in str(fault) for fault in wrong)


@pytest.mark.parametrize("part", PARTS)
def test_an_edited_part_is_named(
    both: tuple[dict[str, bytes], dict[str, bytes]], part: str
) -> None:
    """One more byte in any part; a verdict on the page, a cell, a parameter among them."""
    go, _ = both
    assert part in named(go | {part: go[part] + b" "})


def test_an_edited_verdict_is_named(both: tuple[dict[str, bytes], dict[str, bytes]]) -> None:
    """NO_GO on the page turned into GO by hand, its meta line left as it was."""
    _, no = both
    page = no["review.html"].replace(b"<p>NO_GO</p>", b"<p>GO</p>")
    assert page != no["review.html"]
    assert named(no | {"review.html": page}) == "review.html was changed after the review"


@pytest.mark.parametrize("part", [part for part in PARTS if part != SEAL])
def test_a_missing_part_is_named(
    both: tuple[dict[str, bytes], dict[str, bytes]], part: str
) -> None:
    """Without a part, and without it in the seal either."""
    go, _ = both
    without = {name: data for name, data in go.items() if name != part}
    assert f"{part} is missing" in named(without)
    if part != REFUSED:  # a report may have no refused rows
        assert part in named(without | {SEAL: seal_of(without)})


@pytest.mark.parametrize(
    ("seal", "says"),
    [
        (b"", "does not list review.json"), (b"\xff\n", "no digest"), (b"GO\n", "no digest"),
        (b"a" * 1_000_000, "no digest"), (f"{'a' * 64}  x\n".encode() * 2, "lists x twice"),
        (f"{'a' * 64}  ../x\n".encode(), "../x is missing"),
    ],
)  # fmt: skip
def test_a_seal_that_is_none(
    both: tuple[dict[str, bytes], dict[str, bytes]], seal: bytes, says: str
) -> None:
    """Whatever stands in it, it is said what is wrong with it, and nothing else is read."""
    assert says in named(both[0] | {SEAL: seal})


@pytest.mark.parametrize(
    "notebook", [b"", b"[" * 100_000, b"[]", b'{"metadata": 1}', b'{"metadata": {"rolloutlib": 2}}']
)
def test_a_notebook_that_is_none(
    both: tuple[dict[str, bytes], dict[str, bytes]], notebook: bytes
) -> None:
    """A part that cannot be read carries no digest."""
    wrong = named(both[0] | {"review.ipynb": notebook})
    assert re.fullmatch(r"review\.ipynb is of another review\.json \(none, not \w{12}…\)", wrong)


def test_refused_rows_of_an_earlier_review_are_named(
    both: tuple[dict[str, bytes], dict[str, bytes]],
) -> None:
    """A file that lies in quarantine/ and is not listed is of another review."""
    wrong = named(both[0] | {"quarantine/00.jsonl": b"{}\n"})
    assert wrong == f"quarantine/00.jsonl is not of this review: {SEAL} does not list it"


def test_the_ledger_refuses_and_says_which(
    both: tuple[dict[str, bytes], dict[str, bytes]], tmp_path: Path
) -> None:
    """`decide` reads each part once, refuses what disagrees, and keeps all of what agrees."""
    go, no = both
    whole = ReviewFolder.read(written(tmp_path / "go", go), ROOT)
    whole.require_seal()
    assert whole.evidence == go
    mixed = written(tmp_path / "mixed", go | {"review.html": no["review.html"]})
    with pytest.raises(LedgerError, match=r"do not belong together: review\.html is of another"):
        ReviewFolder.read(mixed, ROOT).require_seal()
    old = {name: data for name, data in go.items() if name != SEAL}
    with pytest.raises(LedgerError, match=r"older version.*run `rollout review --out` again"):
        ReviewFolder.read(written(tmp_path / "old", old), ROOT).require_seal()


# --- notebooks by hand ----------------------------------------------------------------------------


def test_a_notebook_by_hand_writes_beside_a_report(
    both: tuple[dict[str, bytes], dict[str, bytes]], tmp_path: Path
) -> None:
    """Where `out` is a report the summary says where the draft is; a second one replaces it."""
    folder = written(tmp_path / "w3", both[0])
    for _ in range(2):
        text = report.write_review(bfcl(), folder, PARAMS).text
        assert text.endswith(f"{folder} holds a report and stays as it is; this is in "
                             f"{folder}-draft.")  # fmt: skip
        assert read(folder) == both[0]
        assert {*parts_in(tmp_path / "w3-draft")} == {"review.json", "params.yaml"}


def test_a_notebook_by_hand_replaces_what_a_notebook_wrote(tmp_path: Path) -> None:
    """Without a page or a seal a folder is no report: scheduled papermill runs update it."""
    for _ in range(2):
        assert "stays as it is" not in report.write_review(bfcl(), tmp_path / "x", PARAMS).text
    assert {path.name for path in tmp_path.iterdir()} == {"x"}


# --- INVALID --------------------------------------------------------------------------------------


def test_a_source_that_is_refused_as_a_whole_names_its_stage(tmp_path: Path) -> None:
    """Where no row was read the page names the stage all the same, and says what to do."""
    (tmp_path / "runs.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    params = review_params({"stage": 2, "runs": str(tmp_path / "runs.csv")})
    notebook, text = invalid_report(params, tmp_path, "write a source.yaml")
    assert text == "! INVALID · stage 2, Opt-in beta · A Search summaries"
    assert "nothing of it could be read as evidence" in render_html(notebook)


@pytest.mark.parametrize(
    ("lang", "heading", "to_do"),
    [("en", "INVALID · stage 2, Opt-in beta", "What to do"),
     ("ko", "무효 (INVALID) · 스테이지 2, 옵트인 베타", "해야 할 일")],
)  # fmt: skip
def test_invalid_has_a_page_of_its_own(tmp_path: Path, lang: str, heading: str, to_do: str) -> None:
    """The headline, the reason, the refused rows and what to do; its quarantine holds the rows."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.csv").write_bytes(b"arm,passed\n\xb0\xa1,true\ncontrol,perhaps\n")
    (tmp_path / "runs" / "source.yaml").write_text(
        'files: "*.csv"\ncolumns: {arm: arm, passed: passed}\n', encoding="utf-8"
    )
    params = review_params({"stage": 2, "runs": str(tmp_path / "runs"), "lang": lang})
    (tmp_path / "out").mkdir()
    notebook, text = invalid_report(params, tmp_path / "out", "no run is left as evidence")
    page = render_html(notebook, lang)
    assert text.startswith(f"! {heading}")
    assert f"<title>{heading}" in page
    unjudged = {"en": "Not judged until then: Pass rate", "ko": "판정하지 않는 게이트: 통과율"}
    for sentence in ("no run is left as evidence", f"<h2>{to_do}</h2>", "a.csv:2", "a.csv:3",
                     unjudged[lang], "<code>rollout review 2 "):  # fmt: skip
        assert sentence in page, sentence
    assert "`rollout" not in page
    assert page.count("<code>rollout review 2 ") == 2, "where it is next, and where it is to do"
    assert "lt;code" not in page
    assert "None" not in page.partition("<body>")[2]
    assert len([*parts_in(tmp_path / "out")]) == 4  # with quarantine/ and its digest


# --- whole or not there ---------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


class Failing(Quick):
    """Calls into the operating system, of which one fails, before it is done or right after."""

    def __init__(self, at: int, fault: Callable[[], BaseException], *, after: bool) -> None:
        """Count from the next call on."""
        self.at, self.fault, self.after, self.calls = at, fault, after, 0

    def step(self, call: Callable[[], None]) -> None:
        """Do a call, or fail."""
        failing = self.calls == self.at
        self.calls += 1
        if not failing or self.after:
            call()
        if failing:
            raise self.fault()

    def sync(self, handle: int) -> None:
        """Wait for no disk, or fail."""
        self.step(lambda: super(Failing, self).sync(handle))

    def rename(self, source: Path, target: Path) -> None:
        """Rename, or fail."""
        self.step(lambda: super(Failing, self).rename(source, target))

    def unlink(self, path: Path) -> None:
        """Remove a name, or fail."""
        self.step(lambda: super(Failing, self).unlink(path))


def generation(number: str) -> dict[str, bytes]:
    """Return parts that say which report they are of."""
    names = (*PARTS, f"quarantine/{number}.jsonl")
    return {name: f"{number}\n".encode() for name in names}


def publish(place: Path, number: str, files: Files | None = None, *, fresh: bool = False) -> Path:
    """Publish a report."""
    with new_report(place, fresh=fresh, files=files or Quick()) as made:
        written(made.folder, generation(number))
        return made.publish()


def states(place: Path) -> set[str]:
    """Return of which reports there are parts; `whole` where it is all of one, sealed."""
    parts = read(place) if place.is_dir() else {}
    numbers = {data.decode().strip() for data in parts.values()}
    if len(numbers) == 1 and parts == generation(min(numbers)):
        return numbers | {"whole"}
    return numbers


def others_in(folder: Path) -> set[str]:
    """Return the names in a folder that are not the report's."""
    return {path.name for path in folder.iterdir()} - {"w3"}


WAYS = ("new", "empty", "over", "among others", "with checkpoints")


def prepared(root: Path, way: str) -> Path:
    """Return a place, as it is before a report comes."""
    place = root / "w3"
    if way == "empty":
        place.mkdir(parents=True)
    elif way != "new":
        publish(place, "old")
    if way == "among others":
        (place / "notes.md").write_text("mine", encoding="utf-8")
        (place / "quarantine" / "mine.txt").write_text("mine", encoding="utf-8")
    if way == "with checkpoints":
        (place / ".ipynb_checkpoints").mkdir()
        (place / ".ipynb_checkpoints" / "review-checkpoint.ipynb").write_bytes(b"old")
    return place


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("way", WAYS)
def test_a_crash_at_any_call_mixes_nothing_and_heals(
    tmp_path: Path,
    way: str,
    after: bool,  # noqa: FBT001 -- a parameter
) -> None:
    """Old and new parts never lie together, and the next run leaves its report whole."""
    place, files = tmp_path, Failing(0, Crash, after=after)
    for at in range(60):
        root = tmp_path / str(at)
        place = prepared(root, way)
        files = Failing(at, Crash, after=after)
        try:
            publish(place, "new", files)
        except Crash:
            assert states(place) in (
                set(), {"old"}, {"new"}, {"old", "whole"}, {"new", "whole"}
            ), at  # fmt: skip
            if way != "among others":  # its folder stays, so its parts come one by one
                assert states(place) in (set(), {"old", "whole"}, {"new", "whole"})
        else:
            break
        publish(place, "next")
        assert states(place) == {"next", "whole"}, at
        assert others_in(root) == set(), at
        others = {path.name for path in place.rglob("*") if path.is_file()} - {
            Path(name).name for name in generation("next")
        }
        assert others == ({"notes.md", "mine.txt"} if way == "among others" else set()), at
    assert files.calls > 5
    assert states(place) == {"new", "whole"}


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_at_any_call_is_a_sentence(tmp_path: Path, way: str) -> None:
    """Exit code 1, the path and what to do; what was there stays, but among other files."""
    for at in range(60):
        place = prepared(tmp_path / str(at), way)
        full = Failing(at, lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), after=False)
        if not (error := refusal(place, full)):
            break
        assert error.exit_code == 1
        assert "could not be written (No space left on device); make room" in str(error)
        publish(place, "next")
        assert (states(place), others_in(place.parent)) == ({"next", "whole"}, set())


def refusal(place: Path, files: Files) -> RolloutError | None:
    """Return why a report could not be published, if it could not."""
    try:
        publish(place, "new", files)
    except RolloutError as error:
        return error
    return None


LOOP = """
import sys
from itertools import count
from pathlib import Path
from rolloutlib.show.bundle import new_report
parts = sys.argv[3:]
for n in count():
    with new_report(Path(sys.argv[1])) as made:
        (made.folder / "quarantine").mkdir()
        for name in [*parts, f"quarantine/{sys.argv[2]}{n}.jsonl"]:
            (made.folder / name).write_text(f"{sys.argv[2]}{n}\\n")
        made.publish()
"""


@pytest.mark.parametrize("others", [False, True], ids=["alone", "among others"])
def test_kills_mix_nothing_and_heal(tmp_path: Path, others: bool) -> None:  # noqa: FBT001
    """Two processes publish to one place without end and are killed: one report, or none."""
    place, dice = tmp_path / "w3", random.Random(7)  # noqa: S311 -- moments to kill at
    publish(place, "old")
    if others:
        (place / "notes.md").write_text("mine", encoding="utf-8")
    for number in range(40 if EXHAUSTIVE else 3):
        command = [sys.executable, "-c", LOOP, str(place)]
        pair = [subprocess.Popen([*command, name, *PARTS], cwd=ROOT) for name in "ab"]
        before = states(place)
        for _ in range(600):
            time.sleep(0.05)
            if states(place) != before:
                break
        time.sleep(dice.uniform(0, 0.2))
        for process in pair:
            process.send_signal(signal.SIGKILL)
        assert [process.wait() for process in pair] == [-signal.SIGKILL] * 2
        assert len(states(place) - {"whole"}) <= 1
        publish(place, f"next{number}")
        assert states(place) == {f"next{number}", "whole"}
        assert others_in(tmp_path) == set()
        assert (place / "notes.md").exists() == others


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    """Two reviews of one second: both reports are there, under two names."""
    names = [publish(tmp_path / "w3", number, fresh=True).name for number in "abc"]
    assert names == ["w3", "w3-2", "w3-3"]
    assert [states(tmp_path / name) for name in names] == [{n, "whole"} for n in "abc"]


def test_a_living_run_keeps_its_folder(tmp_path: Path) -> None:
    """Another run beside it removes what the dead left, not what the living write."""
    with new_report(tmp_path / "w3") as living:
        dead = living.folder.with_name(f"{NEW}dead")
        dead.mkdir()
        publish(tmp_path / "w4", "other")
        assert (living.folder.is_dir(), dead.exists()) == (True, False)
    assert {path.name for path in tmp_path.iterdir()} == {"w4"}


def test_one_run_at_a_time_writes_to_a_place(tmp_path: Path) -> None:
    """The second run says once whom it waits for, and goes on when that one is done."""
    progress, generations = StringIO(), set[str]()

    def second() -> None:
        with new_report(tmp_path / "w3", progress=progress) as later:
            generations.update(states(tmp_path / "w3"))
            written(later.folder, generation("second"))
            later.publish()

    with new_report(tmp_path / "w3") as first:
        written(first.folder, generation("first"))
        thread = Thread(target=second)
        thread.start()
        until = time.monotonic() + 60
        while not progress.getvalue():  # whom it waits for
            assert time.monotonic() < until
            time.sleep(0.01)
        assert thread.is_alive()
        first.publish()
    thread.join(60)
    assert (thread.is_alive(), generations) == (False, {"first", "whole"})
    assert states(tmp_path / "w3") == {"second", "whole"}
    (line,) = progress.getvalue().splitlines()
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    busy = rf"rollout: {tmp_path}/w3 is being written by process {os.getpid()} since {moment}; "
    assert re.fullmatch(f"{busy}waiting for it", line)
    assert {path.name for path in tmp_path.iterdir()} == {"w3"}


def test_a_run_that_takes_too_long_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for more than ten minutes is told by a sentence what to do."""
    monkeypatch.setattr(owned, "WAIT_SECONDS", 0.2)
    with new_report(tmp_path / "w3"):
        busy = rf"w3 is being written by process {os.getpid()} since .* UTC, for more than 0.2 s; "
        with (
            pytest.raises(RolloutError, match=f"{busy}wait for it or end it, then run the same"),
            new_report(tmp_path / "w3"),
        ):
            pass


def test_the_lock_of_a_dead_run_is_free(tmp_path: Path) -> None:
    """A run that was killed leaves the name of its lock, which holds nobody up."""
    lock = tmp_path / f"{LOCK}{sha256(b'w3').hexdigest()[:12]}"
    lock.write_text("1 2026-11-30 09:00:00")
    publish(tmp_path / "w3", "next")
    assert {path.name for path in tmp_path.iterdir()} == {"w3"}
    assert states(tmp_path / "w3") == {"next", "whole"}


def test_a_swap_that_waits_to_be_healed_is_nobody_elses(tmp_path: Path) -> None:
    """What a crash left of one report is kept by reviews that write others beside it."""
    publish(tmp_path / "w3", "old")
    with pytest.raises(Crash):
        publish(tmp_path / "w3", "new", Failing(len(PARTS) + 3, Crash, after=False))
    assert not (tmp_path / "w3").exists()
    publish(tmp_path / "w4", "other")
    with new_report(tmp_path / "w3"):
        assert states(tmp_path / "w3") == {"old", "whole"}
    assert others_in(tmp_path) == {"w4"}


@pytest.mark.parametrize("name", ["quarantine", "review.html", "seal.sha256"])
def test_other_things_under_a_parts_name(tmp_path: Path, name: str) -> None:
    """A file where a folder goes, or a folder where a file goes: refused before a part moves."""
    place = prepared(tmp_path, "empty")
    for part in ("review.json", "params.yaml"):
        (place / part).write_text("old\n", encoding="utf-8")
    if name == "quarantine":
        (place / name).write_text("mine", encoding="utf-8")
    else:
        (place / name).mkdir()
    with pytest.raises(UsageError, match=name):
        publish(place, "new")
    assert {path.name for path in place.iterdir()} == {"review.json", "params.yaml", name}
    assert states(place) == {"old"}


def test_a_report_that_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    """A review that fails leaves the older report, and no folder of its own."""
    publish(tmp_path / "w3", "old")
    with new_report(tmp_path / "w3") as made:
        written(made.folder, generation("new"))
    assert (states(tmp_path / "w3"), others_in(tmp_path)) == ({"old", "whole"}, set())


def test_links_stay_links(tmp_path: Path) -> None:
    """`reports/latest` may be a link: the folder that it names gets the report."""
    publish(tmp_path / "w3", "old")
    (tmp_path / "latest").symlink_to("w3")
    assert publish(tmp_path / "latest", "new") == tmp_path / "w3"
    assert (tmp_path / "latest").is_symlink()
    assert states(tmp_path / "w3") == {"new", "whole"}


def test_whoever_stands_in_the_folder_stays_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--out .` in a report's folder: it is the same folder afterwards."""
    publish(tmp_path / "w3", "old")
    inode = (tmp_path / "w3").stat().st_ino
    monkeypatch.chdir(tmp_path / "w3")
    publish(Path(), "new")
    assert (states(tmp_path / "w3"), Path().stat().st_ino) == ({"new", "whole"}, inode)


def test_permissions_are_the_folders(tmp_path: Path) -> None:
    """A report is as readable as a folder that is made here, or as the older one was."""
    publish(tmp_path / "w3", "a")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "w3").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "w3").chmod(0o750)
    publish(tmp_path / "w3", "b")
    assert (tmp_path / "w3").stat().st_mode & 0o777 == 0o750


def odd_places(root: Path) -> Iterator[Path]:
    """Yield places where no report can be."""
    (root / "file").write_text("", encoding="utf-8")
    os.mkfifo(root / "fifo")
    (root / "loop").symlink_to("loop")
    yield from (root / "file", root / "file" / "x", root / "fifo", root / "fifo" / "x")
    yield from (root / ("n" * 300), root / ("n" * 300) / "x", root / "loop", root / "loop" / "x")
    yield from (Path("/proc/x"), Path("/proc/x/y"), Path("/dev/null"), Path("/dev/null/x"))


def test_odd_places_are_a_sentence(tmp_path: Path) -> None:
    """Below a file, a FIFO, a loop of links, /proc: exit code 2, the path and what to do."""
    for place in odd_places(tmp_path):
        with pytest.raises(UsageError) as caught, new_report(place):
            pytest.fail(f"{place} is no place for a report")
        assert str(place)[:40] in str(caught.value)
        assert "no report can be written" in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "fifo", "loop"}


@pytest.mark.parametrize("name", ["a{x}", "a b", "%s", "-", "~", "é", "\n", "'\"", "*", "n" * 250])
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    """Braces, blanks, line ends, stars, long names: a folder like any other."""
    for number in "ab":
        publish(tmp_path / name, number)
        assert states(tmp_path / name) == {number, "whole"}
    assert {path.name for path in tmp_path.iterdir()} == {name}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folders_without_permission(tmp_path: Path) -> None:
    """A folder that may not be written is a sentence; one whose parent may not be is used."""
    (tmp_path / "closed" / "open").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o555)
    try:
        publish(tmp_path / "closed" / "open", "a")
        assert states(tmp_path / "closed" / "open") == {"a", "whole"}
        with pytest.raises(UsageError, match="Permission denied"):
            publish(tmp_path / "closed" / "x", "a")
    finally:
        (tmp_path / "closed").chmod(0o755)
