"""Two files that anybody may have: what is wrong with one of them never becomes a GO.

Each world changes one thing in a pair of tables that is a GO as it is, in whatever format.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest

from rolloutlib.cli import main
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

Rows = list[dict[str, Any]]
Files = dict[str, bytes]
Cell = Callable[[int, dict[str, Any]], object]
Cells = dict[str, Cell]
GO, HOLD, NO_GO, INVALID = 0, 10, 20, 30
REFUSED = {1, 2, INVALID}
NEVER = {HOLD, NO_GO, *REFUSED}
SOURCE = """\
columns:
  prompt_id: prompt_id
  passed: passed
  score: {column: score, scale: [1, 5]}
  latency_ms: {column: latency_s, unit: s}
arms: {control: "A*", treatment: "B*"}
files: "[AB]*"
"""


def pair(better: float = 0.88, prompts: int = 300) -> tuple[Rows, Rows]:
    """Return a control of .85 and a treatment, prompt by prompt alike."""
    draw = random.Random(1)  # noqa: S311 -- no secret
    arms: tuple[Rows, Rows] = ([], [])
    for number in range(prompts):
        ease = draw.gauss(0, 1)
        for rows, rate in zip(arms, (0.85, better), strict=True):
            passed = draw.random() < rate
            score = round((4 if passed else 2) + 0.6 * ease + draw.gauss(0, 0.5))
            rows.append({
                "prompt_id": f"q{number}", "question": f"What is thing {number}?",
                "category": ("qa", "sum")[number % 2], "passed": str(passed).lower(),
                "score": min(5, max(1, score)),
                "latency_s": round(1.2 * draw.lognormvariate(0, 0.3), 3),
            })  # fmt: skip
    return arms


def table(rows: Rows, mark: str = ",", encoding: str = "utf-8", point: str = ".") -> bytes:
    """Return rows as a table of one kind or another."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, [*rows[0]], delimiter=mark)
    writer.writeheader()
    for row in rows:
        columns = {
            n: str(v).replace(".", point) if isinstance(v, float) else v for n, v in row.items()
        }
        writer.writerow(columns)
    return file.getvalue().encode(encoding)


def lines(rows: Rows) -> bytes:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def tables(control: Rows, treatment: Rows, source: str = "") -> Files:
    """Return two CSVs, and a source.yaml if there is one."""
    files = {"A.csv": table(control), "B.csv": table(treatment)}
    return files | ({"source.yaml": source.encode()} if source else {})


def changed(change: Callable[[dict[str, Any]], object], better: float = 0.88) -> Files:
    """Return the pair with each row of the treatment changed."""
    control, treatment = pair(better)
    for row in treatment:
        change(row)
    return tables(control, treatment)


def beside(control_tells: Cells, treatment_tells: Cells) -> Files:
    """Return the pair with cells beside each row, made of its number and itself."""
    control, treatment = pair()
    for rows, tells in ((control, control_tells), (treatment, treatment_tells)):
        for number, row in enumerate(rows):
            row["response"] = f"It is {number}." if rows is control else f"I think, {number}."
            row |= {name: tell(number, row) for name, tell in tells.items()}
    return tables(control, treatment)


def one_of(*words: object) -> Cell:
    """Return what has these in turn."""
    return lambda number, _: words[number % len(words)]


def rendered(template: str) -> Cell:
    """Return a judge's prompt with the question and the answer in it."""
    return lambda _, row: template.format(**row)


def noise(number: int, row: dict[str, Any]) -> str:
    """Return a number that no two rows share."""
    return f"{row['latency_s'] * (number + 1):.3f}"


# Of each file what its rows tell of the judge: the same, or nothing.
SAME_JUDGES: Final[dict[str, tuple[Cells, Cells]]] = {
    "one judge, spelled in two ways, with gaps": (
        {"judge": one_of("gpt-4", "gpt-4", "")}, {"judge": one_of(" GPT-4 ", "gpt-4", "n/a")},
    ),
    "two judges in turn": (
        {"judge": one_of("gpt-4", "o1")}, {"judge": one_of("o1", "gpt-4", "o1", "gpt-4", "o1")},
    ),
    "verdicts": ({"judge": one_of("good", "bad", "fair")}, {"judge": one_of("good", "bad")}),
    "verdicts in words of one's own": (
        {"judge": lambda n, row: {"true": "fulfils"}.get(row["passed"], ("vague", "long")[n % 2])},
        {"judge": lambda _, row: "fulfils" if row["passed"] == "true" else "vague"},
    ),
    "scores of a judge": ({"judge": one_of(1, 2, 3, 4)}, {"judge": one_of(2, 3, 4, 5)}),
    "reasons of a judge": (
        {"judge": lambda n, row: f"{n} is right, by {noise(n, row)}."},
        {"judge": lambda n, row: f"By {noise(n, row)} so."},
    ),
    "what a judge costs": (
        {"judge": one_of("x"), "judge_latency": noise, "judge_cost": noise},
        {"judge": one_of("x"), "judge_latency": noise, "judge_cost": noise},
    ),
    "a rubric for each prompt": (
        {"rubric": lambda n, _: f"Names {n}"}, {"rubric": lambda n, _: f"names  {n} "},
    ),
    "a judge's prompt with the answer": (
        {"judge_prompt": rendered("Q: {question} A: {response}\nIs it right?")},
        {"judge_prompt": rendered("Q: {question} A: {response}\nIs it right?")},
    ),
}  # fmt: skip
OTHER_JUDGES: Final[dict[str, tuple[Cells, Cells]]] = {
    "another judge, a gap": (
        {"judge": lambda n, _: "" if n == 7 else "gpt-4"}, {"judge": one_of("claude")},
    ),
    "two judges, then a third": ({"judge": one_of("gpt-4", "o1")}, {"judge": one_of("claude")}),
    "two judges, then one of them": ({"judge": one_of("gpt-4", "o1")}, {"judge": one_of("o1")}),
    "judges in other rows": ({"judge": one_of("gpt-4", "")}, {"judge": one_of("", "claude")}),
    "judges that change places": (
        {"judge": one_of(*["gpt-4"] * 9, "o1")}, {"judge": one_of(*["o1"] * 9, "gpt-4")},
    ),
    "no judge in one file": ({"judge": one_of("")}, {"judge": one_of("gpt-4")}),
    "another rubric for each prompt": (
        {"rubric": lambda n, _: f"r{n}"}, {"rubric": lambda n, _: f"other {n}"},
    ),
    "another rubric for one prompt": (
        {"rubric": lambda n, _: f"r{n}"}, {"rubric": lambda n, _: "mild" if n == 9 else f"r{n}"},
    ),
    "another judge's prompt around the question": (
        {"judge_prompt": rendered("Is it right? {question}")},
        {"judge_prompt": rendered("Be kind. {question}")},
    ),
    "another judge's prompt around the answer": (
        {"judge_prompt": rendered("Is it right? {question} {response}")},
        {"judge_prompt": rendered("Be kind. {question} {response}")},
    ),
    "another judge's prompt beside the same rubrics": (
        {"rubric": lambda n, _: f"r{n}", "judge_prompt": one_of("Is it right?")},
        {"rubric": lambda n, _: f"r{n}", "judge_prompt": one_of("Be kind.")},
    ),
    "two judges, then a third under another name": (
        {"judge": one_of("gpt-4", "o1")}, {"grader": one_of("claude")},
    ),
}  # fmt: skip


def every_format() -> dict[str, Callable[[], Files]]:
    """Return worlds in which nothing is wrong."""
    control, treatment = pair()
    return {
        "csv": lambda: tables(control, treatment),
        "lines": lambda: {"A.jsonl": lines(control), "B.jsonl": lines(treatment)},
        "json": lambda: {f"{n}.json": json.dumps(r).encode()
                         for n, r in (("A", control), ("B", treatment))},
        "excel in Korean": lambda: {f"{n}.tsv": table(r, "\t", "utf-16")
                                    for n, r in (("A", control), ("B", treatment))},
        "semicolons": lambda: {f"{n}.csv": table(r, ";", point=",")
                               for n, r in (("A", control), ("B", treatment))},
        "packed": lambda: {f"{n}.csv.gz": gzip.compress(table(r))
                           for n, r in (("A", control), ("B", treatment))},
        "rows twice": lambda: tables(control, [*treatment, *treatment]),
        "asked under another name": lambda: asked_otherwise("What is thing {}?"),
        "one judge in an object": lambda: told(*[{"judge": {"model": "x"}, "rubric": "y"}] * 2),
        "a tool's own columns": lambda: told({"judge_version": 1}, {}),
        **{name: lambda cells=cells: beside(*cells) for name, cells in SAME_JUDGES.items()},
    }  # fmt: skip


def failed_unscored(row: dict[str, Any]) -> None:
    """Leave a failed answer without a verdict and a score, as a judge that crashes does."""
    if row["passed"] == "false":
        row |= {"passed": "", "score": -1}


def cut(name: str, whole: Callable[[Rows], bytes]) -> Files:
    """Return the pair with half of the treatment's bytes."""
    control, treatment = pair()
    data = whole(treatment)
    return {f"A{name}": whole(control), f"B{name}": data[: len(data) // 2]}


def repeated(prompts: int, times: int, *, identical: bool) -> Files:
    """Return few prompts that were asked again and again."""
    draw = random.Random(3)  # noqa: S311 -- no secret
    control, treatment = pair(0.95, prompts)

    def again(rows: Rows) -> Rows:
        return [row if identical else row | {"latency_s": row["latency_s"] * draw.uniform(0.8, 1.2)}
                for row in rows for _ in range(times)]  # fmt: skip

    return tables(again(control), again(treatment))


def without(keep: Callable[[int, dict[str, Any]], bool], better: float = 0.7) -> Files:
    """Return the pair without some rows of the treatment."""
    control, treatment = pair(better)
    return tables(control, [row for n, row in enumerate(treatment) if keep(n, row)])


def lower_is_better() -> Files:
    """Return a number that is better the lower it is, and rises."""
    control, treatment = pair()
    for rows, most in ((control, 0.3), (treatment, 1.0)):
        for place, row in enumerate(rows):
            del row["passed"], row["score"]
            row["toxicity.score"] = round(most * (place % 100) / 100, 2)
    return tables(control, treatment)


def hopeless_scale() -> Files:
    """Return fractions that source.yaml calls percent, by which a loss is a hundredth of itself."""
    control, treatment = pair()
    for rows, score in ((control, 0.9), (treatment, 0.2)):
        for place, row in enumerate(rows):
            row["score"] = round(score + 0.05 * (place % 3), 3)
    source = SOURCE.replace("[1, 5]", "[0, 100]").replace("  passed: passed\n", "")
    return tables(control, treatment, source)


def labels_of_failures() -> Files:
    """Return a treatment of which people looked at what the judge failed, and forgave all of it."""
    control, treatment = pair(0.75)
    for place, row in enumerate(control):
        row["human"] = row["passed"] if place % 3 == 0 else ""
    for row in treatment:
        row["human"] = "true" if row["passed"] == "false" else ""
    source = SOURCE.replace("  passed: passed\n", "  passed: passed\n  human_passed: human\n")
    return tables(control, treatment, source)


def told(control_tells: dict[str, Any], treatment_tells: dict[str, Any]) -> Files:
    """Return the pair as JSON Lines, in which each file tells something besides."""
    control, treatment = pair()
    return {"A.jsonl": lines([row | control_tells for row in control]),
            "B.jsonl": lines([row | treatment_tells for row in treatment])}  # fmt: skip


def asked_otherwise(question: str) -> Files:
    """Return the pair whose treatment calls what was asked otherwise."""
    control, treatment = pair()
    for number, row in enumerate(treatment):
        del row["question"]
        row["user_input"] = question.format(number)
    return tables(control, treatment)


FIRST: Final[dict[str, Callable[[], Files]]] = {
    "cut in a packing": lambda: cut(".csv.gz", lambda rows: gzip.compress(table(rows))),
    "judge crashed on failures": lambda: changed(failed_unscored, 0.6),
    "failures have no row": lambda: without(lambda _, row: row["passed"] == "true"),
    "copies as evidence": lambda: repeated(30, 10, identical=True),
    "milliseconds beside seconds": lambda: changed(
        lambda row: row.update(latency_s=round(5000 * row["latency_s"]))
    ),
    "people saw failures alone": labels_of_failures,
    "another judge in an object": lambda: told(
        {"judge": {"model": "strict"}}, {"judge": {"model": "mild"}}
    ),
    "other prompts under another name": lambda: asked_otherwise("What else is thing {}?"),
}
FURTHER: Final[dict[str, Callable[[], Files]]] = {
    "another version of the judge": lambda: told({"judge_version": 1}, {"judge_version": 2}),
    "another rubric": lambda: told({"rubric": "strict"}, {"rubric": "mild"}),
    "another split": lambda: told({"split": "test"}, {"split": "train"}),
    "another answer in an object": lambda: told(
        {"expected": {"text": "so"}}, {"expected": {"text": "no"}}
    ),
    "cut": lambda: cut(".csv", table),
    "cut lines": lambda: cut(".jsonl", lines),
    "cut json": lambda: cut(".json", lambda rows: json.dumps(rows).encode()),
    "repeats as evidence": lambda: repeated(12, 40, identical=False),
    "some failures have no row": lambda: without(
        lambda n, row: row["passed"] == "true" or n % 2 == 0
    ),
    "failures have no number": lambda: changed(
        lambda row: row.update(score="NaN", passed="") if row["passed"] == "false" else None, 0.7
    ),
    "other words": lambda: changed(
        lambda row: row.update(passed={"true": "PASS*", "false": "FAIL"}[row["passed"]])
    ),
    "thousands marks": lambda: changed(
        lambda row: row.update(latency_s=f"{3000 * row['latency_s']:,.0f}")
    ),
    "a message in a column of errors": lambda: changed(
        lambda row: row.update(error={"true": ""}.get(row["passed"], "timeout"), passed="true"),
        0.7,
    ),
    "the call came back": lambda: {
        name: data.replace(b"false", b"true") for name, data in changed(lambda _: None, 0.6).items()
    },
    "lower is better": lower_is_better,
    "fractions called percent": hopeless_scale,
    "source.yaml of another table": lambda: tables(*pair(), SOURCE.replace(": passed", ": ok")),
    "a header alone": lambda: {"A.csv": table(pair()[0]), "B.csv": table(pair()[1])[:60]},
    "a page of a proxy": lambda: {
        "A.csv": table(pair()[0]), "B.csv": b"<html><body>404</body></html>\n",
    },
    "nothing": lambda: {"A.csv": table(pair()[0]), "B.csv": b""},
}  # fmt: skip


def compare(folder: Path, files: Files) -> int:
    """Compare the two files in a folder of their own; return the exit code."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    names = sorted(name for name in files if name[0] in "AB")
    return main(["compare", *names, "--out", "report"])


@pytest.mark.parametrize(
    "name",
    sorted(every_format())
    if EXHAUSTIVE
    else ["csv", "semicolons", "asked under another name", "a judge's prompt with the answer"],
)
def test_a_healthy_pair_is_a_go(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every format that people have, without a word of help."""
    monkeypatch.chdir(tmp_path)
    assert compare(tmp_path, every_format()[name]()) == GO


@pytest.mark.parametrize("name", [*FIRST, *(FURTHER if EXHAUSTIVE else ())])
def test_what_is_wrong_with_a_file_is_no_go(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing, copied, stale or misread: it is held or refused, and no traceback tells it."""
    monkeypatch.chdir(tmp_path)
    assert compare(tmp_path, (FIRST | FURTHER)[name]()) in NEVER
    output = capsys.readouterr()
    assert "Traceback" not in output.out + output.err


@pytest.mark.parametrize(
    "name",
    OTHER_JUDGES if EXHAUSTIVE else ["another judge, a gap", "another rubric for each prompt"],
)
def test_another_judge_is_a_hold(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever hides it: a gap, several judges, texts that differ row by row."""
    monkeypatch.chdir(tmp_path)
    assert compare(tmp_path, beside(*OTHER_JUDGES[name])) == HOLD
