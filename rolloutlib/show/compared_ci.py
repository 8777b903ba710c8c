"""A comparison for machines of a CI: JUnit XML that test reports open, and a Markdown comment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from rolloutlib.judge.record import Recommendation, Verdict
from rolloutlib.show.compared import meaning_of, repeat_lines, title_of, unknown_lines
from rolloutlib.show.report import SIGNS
from rolloutlib.show.rows import badge, by_judge, estimate, level, proof_limit
from rolloutlib.text import LABEL, plain, prose
from rolloutlib.words.reasons import sentence, texts
from rolloutlib.words.sentences import say, spoken, translate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolloutlib.judge.pair_record import PairReview
    from rolloutlib.judge.record import GateResult

__all__ = ["comment", "junit"]

SUITE: Final = "rollout compare"
GO, INVALID = Recommendation.GO, Recommendation.INVALID


@spoken
def junit(review: PairReview) -> bytes:
    """Return JUnit XML: a case for the files, one a gate, one for what stands beside the gates.

    What is proven broken is a failure, what is not proven (or no evidence at all) an error, and
    what neither file has a skipped case: a CI is green where the answer is GO, and nowhere else.
    """
    cases = [_files(review), *map(_gate, review.gates), *map(_skipped, review.unjudged)]
    cases += [_told(_case(translate(title)), "error", sentence(why))
              for title, why in review.doubted.items()]  # fmt: skip
    red = any(case.find(kind) is not None for case in cases for kind in ("failure", "error"))
    if review.recommendation is not GO and not red:
        cases.append(_beside(review))
    tallies = {kind: sum(case.find(kind) is not None for case in cases)
             for kind in ("failure", "error", "skipped")}  # fmt: skip
    counts = {"tests": str(len(cases)), "failures": str(tallies["failure"]),
              "errors": str(tallies["error"]), "skipped": str(tallies["skipped"])}  # fmt: skip
    root = ET.Element("testsuites", {"name": SUITE, **counts, "time": "0"})
    suite = ET.SubElement(root, "testsuite", {"name": SUITE, **counts, "time": "0"})
    properties = ET.SubElement(suite, "properties")
    about = {"recommendation": review.recommendation.value, "control": review.first,
             "treatment": review.second}  # fmt: skip
    for name, value in about.items():
        ET.SubElement(properties, "property", {"name": name, "value": plain(value, LABEL)})
    suite.extend(cases)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _case(name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": SUITE, "name": plain(name, LABEL), "time": "0"})


def _told(case: ET.Element, kind: str, why: str, text: str = "") -> ET.Element:
    outcome = ET.SubElement(case, kind, {"message": plain(why), "type": kind})
    outcome.text = plain(text) or None
    return case


def _files(review: PairReview) -> ET.Element:
    """Return the case of the files themselves: can they be compared at all?"""
    case = _case(str(say("The files can be compared")))
    if review.recommendation is INVALID:
        return _told(case, "error", *texts(review.reasons)[:1])
    return case


def _gate(gate: GateResult) -> ET.Element:
    case, verdict = _case(translate(gate.title)), gate.evidence.verdict
    if verdict is Verdict.PASS:
        return case
    kind = "failure" if verdict is Verdict.FAIL else "error"
    limit = str(say("limit {value}", value=proof_limit(gate)))
    text = limit if gate.evidence.point is None else f"{estimate(gate)} {limit}"
    return _told(case, kind, sentence(gate.evidence.why), text)


def _skipped(title: str) -> ET.Element:
    why = say("Neither file has values of: {gates}. They are not judged.", gates=translate(title))
    return _told(_case(translate(title)), "skipped", str(why))


def _beside(review: PairReview) -> ET.Element:
    """Return the case of what holds a GO back although every gate passes."""
    case = _case(str(say("Nothing beside the gates holds back")))
    kind = "failure" if review.recommendation is Recommendation.NO_GO else "error"
    return _told(case, kind, " ".join(texts(review.reasons)))


@spoken
def comment(review: PairReview) -> str:
    """Return a comment in Markdown: the recommendation, the gates, what nobody knows."""
    lines = [f"### {SIGNS[review.recommendation]} {prose(title_of(review))}", ""]
    lines += [prose(str(meaning_of(review))), ""]
    lines += [f"- {prose(reason)}" for reason in texts(review.reasons)]
    if review.gates:
        head = (say("Gate"), say("Control"), say("Treatment"), say("Estimate [bounds]"),
                say("Limit"), say("Evidence"))  # fmt: skip
        lines += ["", _line([str(name) for name in head]), "|---|--:|--:|--:|--:|---|"]
        lines += [_line(_cells(gate)) for gate in review.gates]
    if again := repeat_lines(review)[:2]:
        lines += ["", *(f"- {prose(line)}" for line in again)]
    if unknown := unknown_lines(review):
        lines += ["", f"**{prose(str(say('To know beside:')))}**", ""]
        lines += [f"- {prose(line)}" for line in unknown]
    return "\n".join(lines) + "\n"


def _cells(gate: GateResult) -> list[str]:
    name = f"{translate(gate.title)} ({gate.subject})" if gate.subject else translate(gate.title)
    return [
        name, *(" ".join((level(gate, value), *by_judge(gate)))
                for value in (gate.control, gate.treatment)), estimate(gate),
        proof_limit(gate), badge(gate.evidence.verdict),
    ]  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(prose(cell, LABEL) for cell in cells)} |"
