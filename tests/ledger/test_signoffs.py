"""The sign-off block of a report.

What to run before there is a decision, then who has signed it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolloutlib.flags.document import FLAGS, FlagState, document
from rolloutlib.judge.owed import OpenItem
from rolloutlib.judge.record import Recommendation
from rolloutlib.ledger.book import append
from rolloutlib.ledger.pins import results_digest
from rolloutlib.ledger.records import Pins
from rolloutlib.ledger.workbook import Workbook
from rolloutlib.reason import because
from rolloutlib.show.decision import decision_page
from rolloutlib.show.pages import sanitised
from rolloutlib.show.signoffs import sign_off
from rolloutlib.words.reasons import worded
from tests.ledger.workbooks import SIGNERS, START, Quick, promotion, rollback, signed, workbook
from tests.sample_review import bfcl, told

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.judge.record import Reviewed
    from rolloutlib.ledger.drafting import Slot
    from rolloutlib.ledger.records import Decision, Predicate

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_before_a_decision_every_signature_has_its_command(tmp_path: Path) -> None:
    """An empty ledger names the command that drafts the decision, and one for each role of a GO."""
    review = replace(bfcl(), recommendation=Recommendation.GO)
    text = sign_off(review, root=workbook(tmp_path / "w"), now=NOW).text
    assert "rollout decide REPORT_FOLDER --verdict GO" in text
    assert all(f"rollout sign DECISION --as {role}" in text for role in ("pm", "qa", "owner"))


def test_what_the_first_screen_leaves_out_is_open_below(tmp_path: Path) -> None:
    """Where the decision page counts open items, the place that it leads to names every one."""
    root = workbook(tmp_path / "w")
    for number in (6, 8):
        owed = tuple(OpenItem("owner", told(f"Item {k}.")) for k in range(number))
        review = replace(bfcl(), open_items=owed)
        below = sanitised(sign_off(review, root=root, now=NOW).html).partition('id="rl-owed"')[2]
        leads = 'href="#rl-owed"' in page(review, root)
        assert [f"Item {k}." in below for k in range(number)] == [leads] * number
        assert leads == (number == 8)


def test_invalid_data_have_nothing_to_sign(tmp_path: Path) -> None:
    """Data that are no evidence ask for no decision and no signature."""
    review = replace(bfcl(), recommendation=Recommendation.INVALID)
    text = sign_off(review, root=workbook(tmp_path / "w"), now=NOW).text
    assert "nothing to decide" in text
    assert "rollout sign" not in text


def test_the_decision_page_is_signed_as_the_ledger_is(tmp_path: Path) -> None:
    """Lines are empty until the ledger has a record of these results, then its signers fill them.

    The next command is the one that is due: decide, then sign as who has not, then promote.
    """
    root = workbook(tmp_path / "w")
    review = replace(bfcl(), recommendation=Recommendation.GO)
    assert page(review, root).count("<td></td><td></td><td></td></tr>") == 3
    name = drafted(root, review, "GO")
    assert f"Signatures of {name}" in page(review, root)
    assert f"<code>rollout sign {name} --as pm</code>" in page(review, root)
    for n, who in enumerate(SIGNERS, 1):
        signed(root, name, who, hours=n / 60)
    assert "rollout sign" not in page(review, root)
    assert f"<code>rollout promote {name}</code>" in page(review, root)
    assert page(review, root).count("<td>signed</td>") == 3
    state = FlagState(3, 2, name)
    (root / FLAGS).write_bytes(document(Workbook(root).plan, state))
    assert "rollout promote" not in page(review, root)  # it is in force


def test_what_was_decided_stands_above_what_was_recommended(tmp_path: Path) -> None:
    """A HOLD decided on a recommended GO is a HOLD; a newer draft is told and overrules nothing."""
    root = workbook(tmp_path / "w")
    owed = (OpenItem("pm", because("open.decide")),
            OpenItem("owner", because("open.promote", stage=3, title="x")))  # fmt: skip
    review = replace(bfcl(), recommendation=Recommendation.GO, open_items=owed)
    assert "Approve the step" in page(review, root)
    hold = drafted(root, review, "HOLD")
    assert f"Drafted, not signed in whole: HOLD ({hold})." in page(review, root)
    for n, who in enumerate(SIGNERS[:2], 1):
        signed(root, hold, who, hours=n / 60)
    draft = drafted(root, review, "NO_GO", hours=1)
    shown = decision_page(review, root=root, now=NOW)
    assert shown.text.startswith("? HOLD · stage 2")
    assert f"Decided: HOLD ({hold}). The review recommends GO." in shown.text
    assert f"A newer draft is not signed in whole: NO-GO ({draft})." in shown.text
    assert f"Signatures of {hold}: HOLD" in shown.html
    assert "Why GO is recommended" in shown.html
    assert not [word for word in ("promote", "Approve", "Draft the") if word in shown.html]
    assert f"Decided: HOLD ({hold})." in sign_off(review, root=root, now=NOW).text


def test_a_go_against_the_recommendation_is_promoted_until_it_is_rolled_back(
    tmp_path: Path,
) -> None:
    """A GO signed on a recommended HOLD leads on; after a rollback it does not look in force."""
    root = workbook(tmp_path / "w")
    review = replace(bfcl(), recommendation=Recommendation.HOLD)
    name = drafted(root, review, "GO")
    for n, who in enumerate(SIGNERS, 1):
        signed(root, name, who, hours=n / 60)
    shown = decision_page(review, root=root, now=NOW)
    assert shown.text.startswith("✓ GO · stage 2")
    assert f"Decided: GO ({name}). The review recommends HOLD." in shown.text
    assert f"<code>rollout promote {name}</code>" in shown.html
    card = root / "docs" / "LEDGER" / f"{name}.md"
    drawn = card.read_bytes()
    card.write_bytes(b"GO for all")  # it is decided all the same, but nothing to promote yet
    edited = decision_page(review, root=root, now=NOW)
    assert f"Decided: GO ({name})." in edited.text
    assert "rollout promote" not in edited.html
    card.write_bytes(drawn)
    head = Workbook(root).read().find(name).head
    back = append(Workbook(root, Quick()), "rollback", lambda slot: rollback(slot, head), {},
                  now=START + timedelta(hours=2))  # fmt: skip
    shown = decision_page(review, root=root, now=NOW)
    assert shown.text.startswith("✕ Rolled back · stage 2")
    assert f"{back.id} rolled back after it" in shown.text
    assert "rollout promote" not in shown.html


def drafted(root: Path, review: Reviewed, verdict: Decision, hours: float = 0) -> str:
    """Append a decision that pins this review's results; return its id."""
    zero = "0" * 64
    pins = Pins(data=zero, inputs=(), params=zero, plan=zero, cells=zero, commit=None, dirty=None,
                requirements=zero, python="3.11", platform="Linux",
                results=results_digest(worded(review.record)))  # fmt: skip

    def draft(slot: Slot) -> Predicate:
        return replace(promotion(slot, verdict), pins=pins)

    at = START + timedelta(hours=hours)
    return append(Workbook(root, Quick()), "promotion", draft, {"x": b"x"}, now=at).id


def page(review: Reviewed, root: Path) -> str:
    """Return the decision page as HTML."""
    return decision_page(review, root=root, now=NOW).html


def test_a_damaged_ledger_is_told_on_the_page(tmp_path: Path) -> None:
    """A report is shown all the same, and does not look as if nobody had signed."""
    root = workbook(tmp_path / "w")
    (root / "params" / "roles.yaml").write_text("people: [")
    assert "The ledger cannot be read: " in page(bfcl(), root)
