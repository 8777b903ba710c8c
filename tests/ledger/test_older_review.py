"""Reviews of older versions: what they could not say is no difference in their numbers."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from rolloutlib.judge.decided import decided_of
from rolloutlib.judge.owed import OpenItem
from rolloutlib.judge.record import Review, decode
from rolloutlib.ledger.replay import compare, lacking
from rolloutlib.reason import because
from tests.sample_review import PLAN

DATA = (Path(__file__).parent / "golden" / "older" / "review.json").read_bytes()
OLD = decode(DATA)
LACKS = ("gates.pass_rate.evidence.method_parts", "decided", "open_items")


def again(icc: float, point: float | None = 0.01, lower: float | None = None) -> Review:
    """Return the same review as this version makes it."""
    gate = OLD.gates[0]
    method = because("method.paired", icc=icc)
    evidence = replace(gate.evidence, point=point, lower=lower, method_parts=method)
    owed = (OpenItem("owner", because("open.promote", stage=3, title="Default-on")),)
    return replace(
        OLD, gates=(replace(gate, evidence=evidence),), decided=decided_of(PLAN, 2),
        open_items=owed,
    )  # fmt: skip


def test_what_an_older_review_lacks_is_not_compared() -> None:
    """Fields that came later and words of methods replay; a number that came or went does not."""
    lacks = tuple(lacking(OLD, DATA))
    assert lacks == LACKS
    assert compare(OLD, again(0.1), lacks=lacks) == ("E1", (), ())
    assert compare(again(0.1), again(0.2))[0] == "E1"
    for other in (again(0.1, None), again(0.1, 0.02), again(0.1, lower=-0.01)):
        assert compare(OLD, other, lacks=lacks)[0] == "E2"
