"""Every rollback is recorded: with nothing promoted, beside a damaged ledger, two at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rolloutlib.flags import notices, overview, rollback_record
from rolloutlib.flags.document import FLAGS, FlagsError, FlagState, document, switch
from rolloutlib.flags.outcome import RolledBack, Trigger
from rolloutlib.flags.promotion import (
    NotPromotedError,
    flag_finding,
    promote,
    refuse_unrecorded,
    standing_finding,
)
from rolloutlib.flags.rollback import roll_back
from rolloutlib.ledger import book as books
from rolloutlib.ledger.beside import read_beside
from rolloutlib.ledger.book import join
from rolloutlib.ledger.documents import decode, encode
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.keys import add_key
from rolloutlib.ledger.lines import state_of
from rolloutlib.ledger.records import Head, Record, WayBack
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger import workbooks
from tests.ledger.workbooks import keys
from tests.often import EXHAUSTIVE
from tests.rollback.books import FILES, PLAN, ROOT, at, decided, flags_of, signed, workbook
from tests.rollback.damages import (
    BESIDE,
    FIRST,
    LEDGER,
    SECOND,
    WITHIN,
    advised,
    committed,
    follow,
    rollout,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal

    from rolloutlib.ledger.chain import Node
    from rolloutlib.plan.model import FeatureId

ID = "dec-20260201-rollback-001"
REASON = Trigger("latency rose by 23 %", "latency ×1.23", "eng_choi@ex.com", "summaries")


def pulled(
    root: Path,
    *features: FeatureId,
    hours: float = 2,
    trigger: Trigger = REASON,
    lang: Literal["en", "ko"] = "en",
) -> RolledBack:
    """Pull the kill switch."""
    return roll_back(root, trigger, features, now=at(hours), files=FILES, lang=lang)


def way_of(root: Path, name: str | None) -> WayBack:
    """Return what a rollback's record in the ledger says."""
    way = Workbook(root).read().find(name or "").predicate.rollback
    assert way is not None
    return way


def rollbacks(root: Path) -> list[Node]:
    """Return the ledger's rollback records."""
    return [node for node in Workbook(root).read().nodes if node.predicate.kind == "rollback"]


def states(root: Path, hours: float) -> list[str]:
    """Return what verify says of each record, in a word."""
    return [line.state for line in verify_ledger(Workbook(root), now=at(hours)).lines]


def dead_links(root: Path) -> list[str]:
    """Return the cards that notes and overview name and that are not there."""
    pages = [*(root / notices.NOTES).glob("*.md"), *root.glob(overview.OVERVIEW)]
    text = "".join(page.read_text() for page in pages)
    named = {*re.findall(r"[A-Z]+/dec-[\w-]+\.md", text)}
    return [name for name in sorted(named) if not any(root.glob(f"*/{name}"))]


# --- nothing was promoted -------------------------------------------------------------------------


def fresh(root: Path) -> None:
    """Leave the workbook as a clone has it: nobody may sign, nothing is recorded."""
    (root / "params/roles.yaml").write_text(
        "schema: rolloutlib/roles@1\nledger: test\npeople: {}\n"
    )
    (root / "params/allowed_signers").write_text("")


NOTHING: dict[str, Callable[[Path], object]] = {
    "a fresh clone": fresh,
    "a stage set by hand": lambda root: switch(
        FILES, root / FLAGS, document(PLAN, FlagState(2, 1)), before=None
    ),
    "only HOLDs": lambda root: [decided(root, hours=h, verdict="HOLD", stage=2) for h in (0, 1)],
    "a GO that nobody signed": lambda root: decided(root, hours=0, signers=()),
    "a GO that was signed but never promoted": lambda root: decided(root, hours=0),
}


@pytest.mark.parametrize("case", NOTHING)
def test_with_nothing_promoted_there_is_a_record_of_its_own_kind(tmp_path: Path, case: str) -> None:
    """Off, recorded with nothing to return to, its card and notice there, waiting for signatures.

    A second pull finds the record, and the flags stay explained.
    """
    root = workbook(tmp_path / "book", 2 if case != "a fresh clone" else 0)
    NOTHING[case](root)
    outcome = pulled(root)
    assert (flags_of(root), outcome.record) == (outcome.after, ID)
    way = way_of(root, ID)
    assert (way.kind, way.rolls_back, way.restored_from) == ("nothing-promoted", None, "–")
    assert way.after
    assert way.after.off == outcome.after.off
    card = (root / LEDGER / f"{ID}.md").read_text()
    assert "**Rolls back**: nothing: no GO of this ledger had put these flags in force" in card
    assert f"- Ledger: {LEDGER}/{ID}.md" in next((root / notices.NOTES).glob(f"*{ID}*")).read_text()
    assert dead_links(root) == []
    verified = verify_ledger(Workbook(root), now=at(2.1))
    assert verified.lines[-1].state == "waits"
    assert [stray.code for stray in verified.strays if not stray.waits] == []
    assert flag_finding(PLAN, verified.ledger, root) is None
    assert (pulled(root, hours=3).record, len(rollbacks(root))) == (ID, 1)
    assert pulled(root, "E", hours=4).record == "dec-20260201-rollback-002"
    assert way_of(root, "dec-20260201-rollback-002").kind == "nothing-promoted"


def test_the_stage_opens_again_only_with_a_go_after_the_rollback(tmp_path: Path) -> None:
    """A GO that was drafted before is refused, signed or not; a later one keeps the rollback."""
    root = workbook(tmp_path / "book", 2)
    old = decided(root, hours=0)
    pulled(root)
    with pytest.raises(NotPromotedError, match=f"is older than the rollback {ID}"):
        promote(root, PLAN, old, now=at(3), files=FILES)
    new = decided(root, hours=4)
    promote(root, PLAN, new, now=at(5), files=FILES)
    ledger = Workbook(root).read()
    assert (flags_of(root).stage, flags_of(root).off) == (3, ())
    assert ledger.earlier(ledger.find(new), ID) is not None
    assert flag_finding(PLAN, ledger, root) is None


def test_a_pull_without_anything_on_is_recorded_and_blocks(tmp_path: Path) -> None:
    """Flags that were off already: the record pins them, and an older GO on them moves nothing."""
    root = workbook(tmp_path / "book", 0)
    pulled(root, hours=0)
    promote(root, PLAN, decided(root, hours=1), now=at(2), files=FILES)
    again = pulled(root, hours=3)
    assert again.record == "dec-20260201-rollback-002"
    assert way_of(root, again.record).kind == "undoes"
    assert pulled(root, "C", hours=4).record == again.record


def test_people_who_are_admitted_after_a_rollback_sign_it(tmp_path: Path) -> None:
    """The first people need no signature, as in an empty ledger; those after them an owner's.

    The rollback is signed by who got its roles, and then all holds.
    """
    root = workbook(tmp_path / "book", 0)
    fresh(root)
    pulled(root)
    assert {stray.code for stray in verify_ledger(Workbook(root), now=at(2.1)).strays} == {"vacant"}
    for n, (who, (name, role)) in enumerate(workbooks.PEOPLE.items()):
        key = keys() / who
        add_key(Workbook(root), f"{who}@ex.com", name=name, roles=[role], key=key,
                by="ana@ex.com", now=at(3 + n / 10))  # fmt: skip
    assert states(root, 4) == ["waits", "ok", "ok", "ok", "waits"]  # the engine came after an owner
    signed(root, "dec-20260201-keys-004", "owner_park", hours=5)
    signed(root, ID, "eng_choi", hours=5.1)
    assert states(root, 5.2) == ["waits", "ok", "ok", "ok", "ok"]
    signed(root, ID, "pm_kim", hours=5.2)
    verified = verify_ledger(Workbook(root), now=at(5.3))
    assert (verified.findings, {line.state for line in verified.lines}) == ((), {"ok"})


def test_nobody_admits_himself_once_there_was_an_owner(tmp_path: Path) -> None:
    """A change of keys without signature founds a ledger only before anybody could sign it."""
    root = workbook(tmp_path / "book", 0)
    pulled(root)
    book = Workbook(root)
    add_key(book, "stranger@ex.com", name="Stranger", roles=["owner"], key=keys() / "stranger",
            by="ana@ex.com", now=at(3))  # fmt: skip
    assert states(root, 4) == ["waits", "waits"]
    with pytest.raises(LedgerError, match="cannot sign as owner"):
        signed_by_stranger(root)


def signed_by_stranger(root: Path) -> None:
    """Let the newcomer sign the change that admits him."""
    key = keys() / "stranger"
    books.sign_record(
        Workbook(root), "dec-20260201-keys-001", role="owner", key=key, who=None, now=at(4)
    )


@pytest.mark.parametrize(
    "reason", ["", "   ", "a\n\n## Actions\n\n- forged <img src=x>", "\udcff\x1b[2J", "x" * 90_000]
)
def test_no_reason_keeps_a_rollback_from_its_record(tmp_path: Path, reason: str) -> None:
    """An empty, forged, broken or endless reason is one line of text in record, card and notes."""
    root = workbook(tmp_path / "book", 2)
    outcome = pulled(root, trigger=Trigger(reason, reason, reason, reason))
    assert outcome.record == ID
    notes = next((root / notices.NOTES).glob(f"*{ID}*")).read_text()
    assert notes.count("## Actions\n") == 1
    assert max(map(len, notes.splitlines())) < 2_500
    assert ("no reason given" in notes) is (not reason.strip())
    assert states(root, 2.1) == ["waits"]


def test_a_rollback_shows_no_metrics_of_the_decision_that_it_takes_back(tmp_path: Path) -> None:
    """The notes name that decision's card instead."""
    root = committed(tmp_path / "book")
    pulled(root)
    notes = next((root / notices.NOTES).glob(f"*{ID}*")).read_text()
    assert "Pass rate" not in notes
    assert f"rolled back are on its card: {LEDGER}/{SECOND}.md" in notes


def test_korean_cards_are_korean(tmp_path: Path) -> None:
    """Record, notes and overview of a rollback without a GO have no English sentence left."""
    root = workbook(tmp_path / "book", 2)
    pulled(root, lang="ko")
    card = (root / LEDGER / f"{ID}.md").read_text()
    assert "없음: 이 원장의 어떤 GO도" in card
    assert "Flags before" not in card


# --- records of before ----------------------------------------------------------------------------


def test_a_record_of_before_keeps_its_bytes(tmp_path: Path) -> None:
    """A rollback as earlier versions wrote it reads, and encodes to the same bytes."""
    root = workbook(tmp_path / "book", 2)
    decision = decided(root, hours=0)
    head = Workbook(root).read().find(decision).head
    node = books.append(Workbook(root), "rollback", lambda slot: workbooks.rollback(slot, head), {},
                        now=at(1))  # fmt: skip
    data = (root / LEDGER / f"{node.id}.record").read_bytes()
    for new in (b'"kind":"undoes"', b'"joined"', b'"before"', b'"after":{"decision'):
        assert new not in data
    assert encode(decode(data, Record)) == data
    assert states(root, 1.1) == ["ok", "waits"]


def test_a_record_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    """`undoes` without a decision, and `nothing-promoted` with one, are no records."""
    root = workbook(tmp_path / "book", 2)
    decision = decided(root, hours=0)
    head = Workbook(root).read().find(decision).head
    for kind, rolled_back in (("undoes", None), ("nothing-promoted", head)):
        with pytest.raises(LedgerError, match="does not fit a record of kind rollback"):
            _append_way(root, _way(kind, rolled_back))  # pyright: ignore[reportArgumentType]


def _append_way(root: Path, way: WayBack) -> None:
    books.append(
        Workbook(root), "rollback",
        lambda slot: slot.draft("rollback", "ROLLBACK", "a@ex.com", rollback=way), {}, now=at(1),
    )  # fmt: skip


def _way(kind: Literal["undoes", "nothing-promoted"], rolled_back: Head | None) -> WayBack:
    return WayBack(rolled_back, "t", "c", (), "–", "i", kind)


FORGED: dict[str, tuple[str, str]] = {
    "it undoes something": ('"kind":"nothing-promoted"', '"kind":"undoes"'),
    "other flags before": ('"before":{"decision":""', '"before":{"decision":"x"'),
    "other flags after": ('"off":["A"]', '"off":[]'),
    "another reason": ("23 %", "03 %"),
    "no kind": ('"kind":"nothing-promoted",', ""),
    "joined, though it never was beside": (
        '"kind":"nothing-promoted"',
        '"joined":{"at":"2026-02-01T11:00:00Z","sha256":"' + "0" * 64 + '","why":"x"},'
        '"kind":"nothing-promoted"',
    ),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_rollback_record_is_found(tmp_path: Path, forgery: str) -> None:
    """Each part of the new kind, changed in the one form that counts: WRONG once it is signed."""
    root = workbook(tmp_path / "book", 2)
    pulled(root)
    signed(root, ID, "eng_choi", hours=2.1)
    record, (old, new) = root / LEDGER / f"{ID}.record", FORGED[forgery]
    text = record.read_text()
    assert old in text
    record.write_text(text.replace(old, new))
    verified = verify_ledger(Workbook(root), now=at(2.2))
    assert "WRONG" in {state_of(verified.findings), *(line.state for line in verified.lines)}


def test_any_flipped_bit_of_a_rollback_beside_the_ledger_is_found(waiting: Path) -> None:
    """By its form or by its card, wherever the bit is."""
    (file,) = read_beside(waiting)
    missed: list[int] = []
    for place in range(0, len(file.data), 1 if EXHAUSTIVE else 7):
        data = bytearray(file.data)
        data[place] ^= 1 << place % 8
        file.path.write_bytes(data)
        if not [*read_beside(waiting)[0].damage()]:
            missed.append(place)
    assert missed == []


# --- signatures in time, and late -----------------------------------------------------------------


def test_a_rollback_waits_for_its_signatures_for_a_day(tmp_path: Path) -> None:
    """Engine and PM: waits within 24 hours, LATE after, never WRONG; signed late it holds."""
    root = committed(tmp_path / "book")
    pulled(root)
    assert states(root, 2.1)[-1] == "waits"
    signed(root, ID, "eng_choi", hours=2.2)
    assert states(root, 25)[-1] == "waits"
    assert states(root, 27)[-1] == "LATE"
    signed(root, ID, "pm_kim", hours=28)
    assert states(root, 28)[-1] == "ok"


def test_a_go_in_force_that_lost_a_signature_is_wrong(tmp_path: Path) -> None:
    """A GO that nobody signed only waits; where flags stand on it, it is found as wrong."""
    root = committed(tmp_path / "book")
    for path in (root / LEDGER).glob(f"{SECOND}.owner*"):
        path.unlink()
    Workbook(root)
    books.write_cards(Workbook(root))
    verified = verify_ledger(Workbook(root), now=at(3))
    assert verified.lines[-1].state == "waits"
    finding = standing_finding(verified, root)
    assert finding is not None
    assert not finding.waits
    assert f"stand on {SECOND}, which lacks the signature of owner" in finding.sentence


# --- an emergency is never swallowed --------------------------------------------------------------


@pytest.fixture
def unrecorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workbook at stage 2 whose kill switch was pulled, and crashed before any record."""
    root = committed(tmp_path / "book")
    with monkeypatch.context() as patch:
        for name in ("append", "write_beside"):
            patch.setattr(rollback_record, name, _full)
        assert pulled(root).record is None
    return root


def _full(*_: object, **__: object) -> None:
    raise OSError(28, os.strerror(28))


def test_a_following_go_does_not_swallow_an_unrecorded_rollback(unrecorded: Path) -> None:
    """No GO is decided on these flags; one that was drafted all the same moves nothing.

    Neither it nor a HOLD explains them, and the advised command does.
    """
    root = unrecorded
    with pytest.raises(FlagsError, match="flags that nobody recorded"):
        refuse_unrecorded(PLAN, Workbook(root).read(), root)
    decided(root, hours=3, verdict="HOLD")
    go = decided(root, hours=3.5)
    with pytest.raises(NotPromotedError, match="on flags that no record before it explains"):
        promote(root, PLAN, go, now=at(4), files=FILES)
    finding = flag_finding(PLAN, Workbook(root).read(), root)
    assert finding is not None
    assert "`rollout rollback --reason TEXT` again" in finding.sentence
    healed = pulled(root, hours=5)
    assert (healed.switched, healed.record) == (False, ID)
    assert way_of(root, ID).rolls_back == Workbook(root).read().find(SECOND).head
    assert flag_finding(PLAN, Workbook(root).read(), root) is None
    with pytest.raises(NotPromotedError, match=f"is older than the rollback {ID}"):
        promote(root, PLAN, go, now=at(6), files=FILES)


# --- beside the ledger, and joined ----------------------------------------------------------------


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A committed workbook to copy."""
    return committed(tmp_path_factory.mktemp("story") / "book")


@pytest.fixture
def root(story: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    subprocess.run(["cp", "-a", str(story), str(tmp_path / "book")], check=True)
    return tmp_path / "book"


SOME = {"half a record", "the end cut off", "the ledger a file", "docs a file", "a record copied",
        "roles garbage", "allowed_signers no UTF-8"}  # fmt: skip


@pytest.mark.parametrize("damage", [name for name in BESIDE if EXHAUSTIVE or name in SOME])
def test_beside_a_damaged_ledger_and_joined_when_it_is_healed(root: Path, damage: str) -> None:
    """Off and recorded, exit code 0; what verify advises, done step by step, joins it once.

    No page names a card that is not there, at any time.
    """
    BESIDE[damage](root)
    code, printed = rollout(root, "rollback", "--reason", "slow")
    assert code == 0, printed
    assert flags_of(root).off
    (beside,) = read_beside(root)
    assert beside.said
    assert beside.card.is_file()
    if damage != "docs a file":
        assert dead_links(root) == []
    code, printed = rollout(root, "verify")
    assert code != 0
    assert beside.name in printed
    assert rollout(root, "rollback", "--reason", "again")[0] == 0
    assert [file.data for file in read_beside(root)] == [beside.data]
    for _ in range(3):
        code, printed = rollout(root, "verify")
        if not (commands := advised(printed)):
            break
        follow(root, commands[0])
    assert (code, read_beside(root)) == (10, ()), printed
    (node,) = rollbacks(root)
    way = way_of(root, node.id)
    assert (node.id, node.predicate.prepared.at) == (beside.said.id, beside.said.at)
    assert way.joined
    assert way.joined.sha256 == beside.digest
    assert way.rolls_back == Workbook(root).read().find(SECOND).head
    assert dead_links(root) == []


@pytest.mark.parametrize("damage", [name for name in WITHIN if EXHAUSTIVE or "overview" in name])
def test_what_does_not_keep_a_rollback_out_of_the_ledger(root: Path, damage: str) -> None:
    """Off and recorded in the ledger, whatever else is damaged; verify's advice mends the rest."""
    WITHIN[damage](root)
    code, printed = rollout(root, "rollback", "--reason", "slow")
    assert (code, len(rollbacks(root)), read_beside(root)) == (0, 1, ()), printed
    code, printed = rollout(root, "verify")
    for command in advised(printed)[:1]:
        follow(root, command)
    assert rollout(root, "verify")[0] == 10


def test_the_plan_is_not_needed(root: Path) -> None:
    """Without a plan that can be read the rollback is recorded beside, in words without it."""
    outcome = pulled(root)
    (root / FLAGS).write_bytes(outcome.data)
    for path in (root / LEDGER).glob(f"{ID}*"):
        path.unlink() if path.is_file() else None
    subprocess.run(["rm", "-r", str(root / LEDGER / ID)], check=True)
    plan = (root / "params/plan.yaml").read_bytes()
    (root / "params/plan.yaml").write_text("a: [")
    outcome = RolledBack(outcome.before, outcome.after, True, outcome.data, outcome.flags)  # noqa: FBT003
    rollback_record.record_and_tell(root, None, REASON, outcome, now=at(3), lang="en")
    assert outcome.record == ID
    notes = next((root / notices.NOTES).glob(f"*{ID}*")).read_text()
    assert "- Flags off: feature.searchLite" in notes
    assert f"- Ledger: docs/ROLLBACKS/{ID}.md" in notes
    (root / "params/plan.yaml").write_bytes(plan)
    assert join(Workbook(root), now=at(4)) == (ID,)


def test_whoever_appends_next_joins_first(root: Path) -> None:
    """A meeting's decision, a signature, a change of keys: the rollback is in the ledger before."""
    keep = (root / "params/roles.yaml").read_bytes()
    for n in (2, 3):  # two events, in their order
        (root / "params/roles.yaml").write_text("people: [")
        pulled(root, *(("C",) if n == 3 else ()), hours=n)
    (root / "params/roles.yaml").write_bytes(keep)
    verified = verify_ledger(Workbook(root), now=at(4))
    assert [stray.code for stray in verified.strays] == ["unjoined", "unjoined"]
    with pytest.raises(NotPromotedError, match="recorded beside the ledger"):
        promote(root, PLAN, SECOND, now=at(4), files=FILES)
    decided(root, hours=4, verdict="HOLD")
    kinds = [node.id for node in Workbook(root).read().nodes][2:]
    assert kinds == [ID, "dec-20260201-rollback-002", "dec-20260201-003"]
    assert way_of(root, "dec-20260201-rollback-002").rolls_back == way_of(root, ID).rolls_back
    assert flag_finding(PLAN, Workbook(root).read(), root) is None
    assert read_beside(root) == ()


@pytest.mark.parametrize("step", ["create", "take_away", "overwrite"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_while_joining_loses_and_doubles_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: str, *, after: bool
) -> None:
    """At each write of the join the process ends; the same command then joins it once."""
    record = root / LEDGER / f"{FIRST}.record"
    data = record.read_bytes()
    record.write_bytes(data[:-9])
    pulled(root)
    record.write_bytes(data)
    calls = 0
    for number in range(6):
        with monkeypatch.context() as patch:
            real = getattr(books, step)

            def crash(*args: object, real: object = real, number: int = number) -> None:
                nonlocal calls
                calls += 1
                if calls > number and not after:
                    raise KeyboardInterrupt
                real(*args)  # pyright: ignore[reportCallIssue]
                if calls > number:
                    raise KeyboardInterrupt

            calls = 0
            patch.setattr(books, step, crash)
            try:
                join(Workbook(root), now=at(3))
            except KeyboardInterrupt:
                continue
            break
    join(Workbook(root), now=at(4))
    assert ([node.id for node in rollbacks(root)], read_beside(root)) == ([ID], ())
    assert [f.code for f in verify_ledger(Workbook(root), now=at(4)).findings] == ["unsigned"]


# --- the file beside is tampered with -------------------------------------------------------------


@pytest.fixture
def waiting(root: Path) -> Path:
    """A rollback beside a ledger that is healed since."""
    record = root / LEDGER / f"{SECOND}.record"
    data = record.read_bytes()
    record.write_bytes(data[:-9])
    pulled(root)
    record.write_bytes(data)
    return root


def _edited(root: Path) -> None:
    (file,) = read_beside(root)
    file.path.write_bytes(file.data.replace(b"23 %", b"03 %"))


TAMPERED: dict[str, Callable[[Path], object]] = {
    "edited": _edited,
    "half": lambda root: read_beside(root)[0].path.write_bytes(read_beside(root)[0].data[:99]),
    "reformatted": lambda root: read_beside(root)[0].path.write_bytes(
        read_beside(root)[0].data.replace(b":", b": ", 1)
    ),
    "renamed": lambda root: read_beside(root)[0].path.rename(
        read_beside(root)[0].path.with_stem("dec-20260201-rollback-007")
    ),
    "its card edited": lambda root: read_beside(root)[0].card.write_text("all is well"),
    "deleted": lambda root: read_beside(root)[0].path.unlink(),
    "a link": lambda root: (
        read_beside(root)[0].path.rename(root / "x"),
        (root / f"docs/ROLLBACKS/{ID}.record").symlink_to(root / "x"),
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_file_beside_the_ledger_that_was_tampered_with_is_found(waiting: Path, case: str) -> None:
    """WRONG, nothing is joined or appended; a deleted one leaves flags that no record explains."""
    TAMPERED[case](waiting)
    verified = verify_ledger(Workbook(waiting), now=at(3))
    moved = flag_finding(PLAN, verified.ledger, waiting)
    codes = [
        stray.code for stray in (*verified.strays, *([moved] if moved else [])) if not stray.waits
    ]
    assert codes
    if case != "deleted":
        with pytest.raises(LedgerError, match="damaged"):
            decided(waiting, hours=3, verdict="HOLD")
    again = pulled(waiting, hours=4)  # the switch itself is never blocked by it
    assert again.record is not None


# --- two at once ----------------------------------------------------------------------------------

CALL = "import sys; from rolloutlib.cli import main; sys.exit(main())"
RIVALS = {
    "rollback": ("rollback", "--reason", "me too"),
    "another feature": ("rollback", "--reason", "me too", "--feature", "C"),
    "promote": ("promote", "dec-20260201-003"),
    "sign": ("sign", "dec-20260201-003", "--as", "owner", "--key", "owner_park"),
    "keys": ("keys", "add", "new@ex.com", "--name", "New", "--role", "qa", "--key", "leaver",
             "--by", "a@ex.com"),
}  # fmt: skip


def started(root: Path, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    named = {"owner_park": str(keys() / "owner_park"), "leaver": str(keys() / "leaver.pub")}
    call = [sys.executable, "-c", CALL, *(named.get(word, word) for word in arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(call, cwd=root, env=environment, text=True, stdout=-1, stderr=-1)


RACES = [(rival, n) for rival in RIVALS for n in range(4 if EXHAUSTIVE else 1)]


@pytest.mark.parametrize(("rival", "number"), RACES)
def test_two_at_once_are_one_event_with_one_record(root: Path, rival: str, number: int) -> None:
    """Off, recorded once, exit code 0 of every rollback, and the flags are what the ledger says."""
    signers = ("pm_kim", "qa_lee") if rival == "sign" else None
    decided(root, hours=2 + number / 100, signers=signers)
    processes = [started(root, ("rollback", "--reason", "slow")), started(root, RIVALS[rival])]
    printed = [process.communicate(timeout=120) for process in processes]
    assert processes[0].returncode == 0, printed
    if RIVALS[rival][0] == "rollback":
        assert processes[1].returncode == 0, printed
    off = flags_of(root).off
    assert "A" in off
    assert len(rollbacks(root)) == (2 if rival == "another feature" and "C" in off else 1) or (
        rival == "another feature" and len(rollbacks(root)) == 1
    )
    verified = verify_ledger(Workbook(root), now=at(24 * 400))
    assert flag_finding(PLAN, verified.ledger, root) is None
    assert read_beside(root) == ()
    harmless = {"unsigned", "late", "lint", "trust-unsigned"}
    assert {finding.code for finding in verified.findings} <= harmless
