"""`rollout compare`: two files of an eval tool in an empty folder, one answer, one exit code."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rolloutlib.cli import main
from rolloutlib.drafts.two import meaning_of
from rolloutlib.errors import UsageError
from rolloutlib.judge.junit import read_suite
from rolloutlib.judge.record import decode
from rolloutlib.plan.offline import SHIPPED, eval_schema, load_eval_plan
from rolloutlib.runs.places import two_places
from rolloutlib.words.reasons import sentence
from tests.english import english_on, names_in, texts_of, texts_of_markdown
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    Rows = list[dict[str, Any]]

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = 300
pytestmark = pytest.mark.slow  # each reads, judges and writes a report
seldom = pytest.mark.skipif(not EXHAUSTIVE, reason="one of its kind is tried: make faults")


def rows_of(seed: int, *, worse: float = 0.0, prompts: int = PROMPTS) -> Rows:
    """Return one run of the same prompts; most are easy, so that equal runs mostly agree."""
    draw = random.Random(seed)  # noqa: S311 -- no secret
    rows: Rows = []
    for number in range(prompts):
        easy = random.Random(number).random() < 0.8  # noqa: S311 -- likewise
        passed = draw.random() < (0.98 if easy else 0.15) - worse
        rows.append({
            "question_id": f"q{number}", "question": f"What is {number}?",
            "passed": str(passed).lower(), "latency_ms": round(draw.lognormvariate(6.5, 0.4), 1),
        })  # fmt: skip
    return rows


def write(path: Path, rows: Rows) -> Path:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compared(first: Rows, second: Rows, *more: str) -> tuple[int, dict[str, Any]]:
    """Compare two tables in the working folder; return the exit code and review.json."""
    write(Path("a.csv"), first)
    write(Path("b.csv"), second)
    code = main(["compare", "a.csv", "b.csv", "--out", "out", *more])
    return code, json.loads(Path("out/review.json").read_text("utf-8"))


def codes(review: dict[str, Any]) -> set[str]:
    """Return the codes of the reasons, and of what they name."""
    inner = {str(why["facts"].get("why", {}).get("code")) for why in review["reasons"]}
    return {why["code"] for why in review["reasons"]} | inner


def test_an_equal_candidate_is_a_go_from_nothing(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two files and nothing else: an answer, a page and a record that says it is of no stage."""
    code, review = compared(rows_of(1), rows_of(2))
    assert (code, review["recommendation"]) == (0, "GO")
    judged = {gate["id"] for gate in review["gates"]}
    assert judged == {"pass_rate", "avg_latency", "p95_latency"}
    assert "stage" not in review
    assert 0 <= review["flips"]["rate"] < 0.5
    assert sum(review["flips"]["shares"].values()) == pytest.approx(1)
    assert (review["schema"], review["first"]) == ("rolloutlib/comparison@1", "a.csv")
    assert {path.name for path in empty.iterdir()} == {"a.csv", "b.csv", "out"}
    parts = {"review.html", "review.json", "seal.sha256"}
    assert {path.name for path in (empty / "out").iterdir()} == parts
    out = capsys.readouterr().out
    assert out.startswith("✓ GO · b.csv against a.csv\n")
    assert "Neither file has values of: Average score" in out


def test_refused_rows_are_kept_where_nothing_is_left(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who has to mend a file whose rows are all refused finds each of them, as after a review."""
    lines = "columns: {prompt_id: question_id, passed: passed}\nfiles: '*.csv'\n"
    (empty / "source.yaml").write_text(f"{lines}statuses: {{true: passed, false: failed}}\n")
    odd = [row | {"passed": "maybe"} for row in rows_of(2, prompts=9)]
    code, review = compared(rows_of(1, prompts=9), odd)
    assert (code, review["recommendation"]) == (30, "INVALID")
    refused = list((empty / "out" / "quarantine").iterdir())
    assert sum(len(path.read_text("utf-8").splitlines()) for path in refused) == 9
    assert "rollout: b.csv has no row that is evidence" in capsys.readouterr().err


def test_what_a_draft_asks_stands_beside_the_answer(empty: Path) -> None:
    """Whether ok is a verdict, or only a call that came back, no file tells."""
    for name, seed in (("a.csv", 1), ("b.csv", 2)):
        rows = [{"id": row["question_id"], "ok": row["passed"]} for row in rows_of(seed)]
        write(empty / name, rows)
    paths = (Path("a.csv"), Path("b.csv"))
    meaning = meaning_of(paths, None, two_places(*paths))
    (question,) = meaning.asked
    assert (question.code, question.facts["column"]) == ("pair.asked", "ok")
    assert sentence(question).endswith("Whether a call came back belongs under error.")


def test_arms_of_source_yaml_are_not_turned_round(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who names the treatment first would read a loss as a gain."""
    for name, seed in (("a.csv", 1), ("b.csv", 2)):
        write(Path(name), rows_of(seed))
    draft = "arms: {control: b.csv, treatment: [a.csv]}\ncolumns: {prompt_id: id, passed: ok}\n"
    (empty / "source.yaml").write_text(draft, "utf-8")
    assert main(["compare", "a.csv", "b.csv"]) == 2
    assert "the other way round; expected the control first" in capsys.readouterr().err


def test_a_worse_candidate_is_a_no_go(empty: Path) -> None:
    """A loss far beyond the margin is proven, and a CI sees it."""
    code, review = compared(rows_of(1), rows_of(2, worse=0.2), "--junit", "found.xml")
    assert (code, review["recommendation"]) == (20, "NO_GO")
    suite = read_suite("compare", empty / "found.xml")
    assert suite.failed


def test_too_few_prompts_are_a_hold(empty: Path) -> None:
    """What 20 prompts cannot show stays open, and what would settle it is said."""
    few = {"prompts": 20}
    code, review = compared(rows_of(1, **few), rows_of(2, **few), "--junit", "found.xml")
    assert code == 10
    assert "gate.unproven" in codes(review)
    assert any(why["code"] == "gate.needs" for why in review["changes"])
    assert b'errors="0"' not in (empty / "found.xml").read_bytes()


@pytest.mark.parametrize("same", ["itself", "copy"])
def test_a_file_is_not_compared_with_itself(
    empty: Path, capsys: pytest.CaptureFixture[str], same: str
) -> None:
    """A copy under another name proves nothing: INVALID, with a report and red tests."""
    write(empty / "a.csv", rows_of(1))
    (empty / "b.csv").write_bytes((empty / "a.csv").read_bytes())
    second = "a.csv" if same == "itself" else "b.csv"
    files = ["compare", "a.csv", second, "--out", "out", "--junit", "found.xml"]
    if same == "itself":
        assert main(files) == 2
        assert "name the two outputs" in capsys.readouterr().err
        return
    assert main(files) == 30
    assert "are the same file, byte by byte" in capsys.readouterr().err
    assert json.loads((empty / "out/review.json").read_text())["recommendation"] == "INVALID"
    assert b'errors="1"' in (empty / "found.xml").read_bytes()


@pytest.mark.usefixtures("empty")
def test_copied_rows_are_no_second_run() -> None:
    """Two thirds of the rows, latencies and all, come from the other file."""
    first, second = rows_of(1), rows_of(2)
    code, review = compared(first, [*first[:200], *second[200:]])
    assert (code, codes(review) & {"pair.copied"}) == (10, {"pair.copied"})


@seldom
@pytest.mark.usefixtures("empty")
def test_equal_outcomes_without_latencies_show_no_second_run() -> None:
    """Every row is equal and nothing tells the runs apart: that may be one run."""
    first = [{k: v for k, v in row.items() if k != "latency_ms"} for row in rows_of(1)]
    code, review = compared(first, [row | {"note": "b"} for row in first])
    assert (code, codes(review) & {"pair.equal"}) == (10, {"pair.equal"})


@seldom
@pytest.mark.usefixtures("empty")
def test_other_prompts_are_no_comparison() -> None:
    """A tenth of the prompts is in one file only."""
    code, review = compared(rows_of(1), rows_of(2)[30:])
    assert code == 10
    assert codes(review) & {"material.overlap", "data.absent"}


def test_the_same_ids_with_other_questions_are_other_prompts(empty: Path) -> None:
    """Ids that count rows mean other questions in another order."""
    source = "columns: {prompt_id: question_id, passed: passed, latency_ms: latency_ms}\n"
    (empty / "source.yaml").write_text(f"{source}texts: {{prompt: question}}\n", "utf-8")
    questions = [row["question"] for row in rows_of(1)]
    second = [
        row | {"question": text} for row, text in zip(rows_of(2), questions[::-1], strict=True)
    ]
    code, review = compared(rows_of(1), second)
    assert (code, codes(review) & {"material.unlike"}) == (10, {"material.unlike"})
    assert compared(rows_of(1), second, "--differs", "prompt")[0] == 0


@seldom
def test_another_judge_is_another_ruler(empty: Path) -> None:
    """A segment that the files tell has to be the same for a prompt, but for the model."""
    source = "columns: {prompt_id: question_id, passed: passed, latency_ms: latency_ms}\n"
    (empty / "source.yaml").write_text(f"{source}segments: {{judge: judge, model: model}}\n")
    first, second = (
        [row | {"judge": judge, "model": judge} for row in rows_of(seed)]
        for seed, judge in ((1, "x"), (2, "y"))
    )
    code, review = compared(first, second)
    unlike = [why for why in review["reasons"] if why["code"] == "material.unlike"]
    assert (code, [why["facts"]["named"] for why in unlike]) == (10, ["judge"])


@seldom
def test_what_names_no_prompt_may_be_anything(empty: Path) -> None:
    """Without ids nobody can tell that both files ran the same."""
    (empty / "source.yaml").write_text("columns: {passed: passed, latency_ms: latency_ms}\n")
    code, review = compared(rows_of(1), rows_of(2))
    assert (code, codes(review) & {"material.unnamed"}) == (10, {"material.unnamed"})


@seldom
@pytest.mark.usefixtures("empty")
def test_an_outcome_that_could_not_be_read_holds() -> None:
    """One file writes other words: its pass rate is left out, and the speed alone is no GO."""
    second = [row | {"passed": row["passed"].upper() + "*"} for row in rows_of(2)]
    rated = [
        [row | {"score": round(random.Random(i).uniform(2, 9), 1)} for i, row in enumerate(rows)]  # noqa: S311 -- no secret
        for rows in (rows_of(1), second)
    ]
    code, review = compared(rated[0], rated[1])
    unread = [why["facts"] for why in review["reasons"] if why["code"] == "pair.unread"]
    assert (code, [why["column"] for why in unread][:1]) == (10, ["passed"])


@pytest.mark.usefixtures("empty")
def test_an_expected_answer_is_no_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    """A column that is the same for every prompt in both files may be the answer key."""
    first, second = rows_of(1), rows_of(2)
    keyed = [row | {"passed": other["passed"]} for row, other in zip(second, first, strict=True)]
    code, review = compared(first, keyed)
    assert (code, codes(review) & {"pair.key"}) == (10, {"pair.key"})
    assert {gate["evidence"]["verdict"] for gate in review["gates"]} == {"pass"}
    shown = capsys.readouterr().out
    assert "Every gate that was judged is proven; what is listed below holds it back." in shown
    plan = SHIPPED.read_text("utf-8").replace("identical: hold", "identical: tell")
    Path("eval.yaml").write_text(plan, "utf-8")
    assert compared(first, keyed, "--plan", "eval.yaml")[0] == 0, "two runs may agree in all"


@seldom
@pytest.mark.usefixtures("empty")
def test_rows_of_two_models_are_no_candidate() -> None:
    """A file in which the control's model answered too is not one candidate."""
    first = [row | {"model": "old"} for row in rows_of(1)]
    mixed = [row | {"model": "old" if i % 3 else "new"} for i, row in enumerate(rows_of(2))]
    code, review = compared(first, mixed)
    several = [why["facts"] for why in review["reasons"] if why["code"] == "pair.several"]
    assert (code, [why["values"] for why in several]) == (10, [["new", "old"]])


def test_one_file_may_hold_both_arms(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two models of one table are named; one file without names is a mistake in the call."""
    both = [
        row | {"model": name} for name, seed in (("old", 1), ("new", 2)) for row in rows_of(seed)
    ]
    write(empty / "both.csv", both)
    call = ["compare", "both.csv", "--out", "out"]
    assert main([*call, "--control", "old", "--treatment", "new"]) == 0
    assert capsys.readouterr().out.startswith("✓ GO · new against old\n")
    assert main(call) == 2
    assert "name B, or the arms" in capsys.readouterr().err
    assert main([*call, "--control", "old", "--treatment", "newer"]) == 2
    assert "Did you mean 'new'?" in capsys.readouterr().err


@seldom
def test_runs_of_the_engine_need_no_draft(empty: Path) -> None:
    """Envelopes tell their arm and fields themselves; who swaps the files is told."""
    lines = (ROOT / "data/examples/story/stage-1/runs.jsonl").read_text("utf-8").splitlines()
    for arm in ("control", "treatment"):
        of_arm = [line for line in lines if json.loads(line).get("arm") == arm]
        (empty / f"{arm}.jsonl").write_text("\n".join(of_arm), "utf-8")
    assert main(["compare", "control.jsonl", "treatment.jsonl", "--out", "out"]) in {0, 10, 20}
    review = json.loads((empty / "out" / "review.json").read_text("utf-8"))
    assert {gate["id"] for gate in review["gates"]} >= {"pass_rate", "avg_score", "errors"}
    assert main(["compare", "treatment.jsonl", "control.jsonl", "--out", "out"]) == 30


def test_issues_of_the_treatment_alone_are_judged(empty: Path) -> None:
    """A tenth of the answers has an issue that the control never has: no gate passes that."""
    (empty / "source.yaml").write_text(
        "columns: {prompt_id: question_id, passed: passed, issues: {column: issues, "
        'separator: ";"}}\n'
    )
    first = [row | {"issues": ""} for row in rows_of(1)]
    second = [row | {"issues": "" if i % 10 else "rude"} for i, row in enumerate(rows_of(2))]
    code, review = compared(first, second)
    gate = next(gate for gate in review["gates"] if gate["id"] == "top_issue")
    assert (code, gate["subject"]) == (20, "rude")


@pytest.mark.usefixtures("empty")
def test_a_misspelt_name_is_no_permission(capsys: pytest.CaptureFixture[str]) -> None:
    """Who lets the files differ in what they do not tell is told what they tell."""
    write(Path("a.csv"), rows_of(1))
    write(Path("b.csv"), rows_of(2))
    assert main(["compare", "a.csv", "b.csv", "--differs", "categori"]) == 2
    assert "Did you mean 'category'?" in capsys.readouterr().err


@seldom
@pytest.mark.parametrize(("first", "second"), [("control", "control"), ("treatment", "control")])
def test_files_that_name_other_arms_are_not_those(empty: Path, first: str, second: str) -> None:
    """Both files say that they are the control, or each that it is the other."""
    (empty / "source.yaml").write_text(
        "columns: {arm: group, prompt_id: question_id, passed: passed, latency_ms: latency_ms}\n"
    )
    rows = [[row | {"group": arm} for row in rows_of(n)] for n, arm in ((1, first), (2, second))]
    code, review = compared(rows[0], rows[1])
    assert (code, codes(review) & {"pair.same_arm"}) == (10, {"pair.same_arm"})


@seldom
@pytest.mark.parametrize("timed", [True, False])
def test_a_copied_part_holds_where_rows_tell_a_time(empty: Path, timed: bool) -> None:  # noqa: FBT001 -- pytest names it
    """One of two files in B is A's own; without times it may be a part that both answered alike."""
    for name, seed in (("v1", 1), ("v2", 2)):
        (empty / name).mkdir()
        for part, rows in (("one", rows_of(seed)[:150]), ("two", rows_of(1)[150:])):
            written = rows if timed else [row | {"latency_ms": ""} for row in rows]
            write(empty / name / f"{part}.csv", written)
    assert main(["compare", "v1", "v2", "--out", "out"]) == (10 if timed else 0)
    review = json.loads((empty / "out" / "review.json").read_text("utf-8"))
    warnings = {why["code"] for why in review.get("warnings", ())}
    assert "pair.same_file" in (codes(review) if timed else warnings)


@seldom
def test_speed_alone_is_no_answer(empty: Path) -> None:
    """Files of latencies pass every gate that they have, and say nothing of the answers."""
    (empty / "source.yaml").write_text(
        "columns: {prompt_id: question_id, latency_ms: {column: latency_ms, unit: ms}}\n"
    )
    code, review = compared(rows_of(1), rows_of(2))
    assert (code, codes(review) & {"pair.no_outcome"}) == (10, {"pair.no_outcome"})


def test_what_one_file_alone_tells_stays_open(empty: Path) -> None:
    """A latency that only the control has is no pass of the latency's gate."""
    (empty / "source.yaml").write_text(
        "columns: {prompt_id: question_id, passed: passed, "
        "latency_ms: {column: latency_ms, unit: ms}}\n"
    )
    code, review = compared(rows_of(1), [row | {"latency_ms": ""} for row in rows_of(2)])
    assert code == 10
    gate = next(gate for gate in review["gates"] if gate["id"] == "avg_latency")
    assert gate["evidence"]["verdict"] == "inconclusive"


def test_a_segment_that_loses_by_scores_alone_holds(empty: Path) -> None:
    """A fifth of the prompts loses three points, the others gain: no GO on the average."""
    (empty / "source.yaml").write_text(
        "columns: {prompt_id: prompt_id, category: category, latency_ms: latency_ms, "
        "score: {column: score, scale: [0, 10]}}\n"
    )
    draw = random.Random(1)  # noqa: S311 -- no secret
    first, second = [], list[dict[str, Any]]()
    for number in range(400):
        hard = number % 5 == 0
        fields = {"prompt_id": f"q{number}", "category": "hard" if hard else "easy"}
        for rows, change in ((first, 0.0), (second, -3.0 if hard else 0.8)):
            score = round(min(10.0, max(0.0, draw.gauss(6, 1) + change)), 2)
            rows.append(fields | {"score": score, "latency_ms": round(draw.gauss(900, 50), 3)})
    code, review = compared(first, second)
    assert code == 10
    worse = [why for why in review["reasons"] if why["code"] == "segment.worse"]
    assert [why["facts"]["value"] for why in worse] == ["hard"]
    assert review["flips"]["shares"]["GO"] == 0  # what holds beside the gates holds in a repeat


@pytest.mark.parametrize("named", ["judge", pytest.param("dataset", marks=seldom)])
def test_what_one_file_alone_says_of_the_material_is_told(empty: Path, named: str) -> None:
    """Nobody knows whether the other file had the same judge: a HOLD; of others a warning."""
    first = [row | {named: "x"} for row in rows_of(1)]
    code, review = compared(first, rows_of(2))
    reasons = review["reasons"] if named == "judge" else review["warnings"]
    assert [why["facts"]["named"] for why in reasons if why["code"] == "material.one_file"] == [
        named
    ]
    assert code == (10 if named == "judge" else 0)
    if named == "judge":
        write(empty / "a.csv", first)
        assert main(["compare", "a.csv", "b.csv", "--out", "out", "--differs", "judge"]) == 0


@pytest.mark.usefixtures("empty")
def test_files_that_name_other_judges_are_no_comparison() -> None:
    """A column of judges is compared without a source.yaml, too."""
    first, second = ([row | {"judge": judge} for row in rows_of(seed)]
                     for seed, judge in ((1, "x"), (2, "y")))  # fmt: skip
    code, review = compared(first, second)
    assert code == 10
    assert "material.unlike" in codes(review)


def test_a_cost_of_one_file_alone_is_no_cost_of_neither(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one file has is not said to be in neither, and a CI sees an error."""
    first = [row | {"cost": 0.01} for row in rows_of(1)]
    code, review = compared(first, rows_of(2), "--junit", "found.xml")
    assert code == 10
    assert "Cost per sample" not in review["unjudged"]
    assert [*review["doubted"]] == ["Cost per sample"]
    assert "Cost per sample, " not in capsys.readouterr().out
    case = (empty / "found.xml").read_text("utf-8").split('name="Cost per sample"')[1]
    assert case.split("<")[1].startswith("error")


def test_two_evals_that_broke_alike_need_no_gate_on_errors(empty: Path) -> None:
    """Of calls that mostly failed nothing is compared, whatever the plan judges."""
    plan = SHIPPED.read_text("utf-8")
    errors = plan[plan.index("  errors:") : plan.index("  vetoed:")]
    (empty / "plan.yaml").write_text(plan.replace(errors, ""), "utf-8")
    (empty / "source.yaml").write_text(
        "columns: {prompt_id: question_id, passed: passed, error: error, latency_ms: latency_ms}\n"
    )
    first, second = (
        [row | {"error": str(place % 5 < 3).lower()} for place, row in enumerate(rows_of(seed))]
        for seed in (1, 2)
    )
    code, review = compared(first, second, "--plan", "plan.yaml")
    assert code == 10
    assert "pair.broken" in codes(review)


def test_a_margin_may_be_the_plans() -> None:
    """Who names the margin that the plan has is not told that it has none."""
    plan = load_eval_plan(SHIPPED)
    assert plan.with_margin(0.07).gates["pass_rate"] == plan.gates["pass_rate"]


@seldom
@pytest.mark.usefixtures("empty")
def test_the_margin_is_the_callers() -> None:
    """A margin that 300 prompts cannot prove holds what the plan's own lets go."""
    assert compared(rows_of(1), rows_of(2), "--margin", "0.005")[0] == 10


@seldom
def test_a_comment_is_read_and_never_obeyed(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of files and segments are words in Markdown, whatever they hold."""
    write(empty / "a.csv", rows_of(1))
    write(empty / "@all <img src=x>.csv", rows_of(2))
    files = ["compare", "a.csv", "@all <img src=x>.csv", "--out", "out", "--markdown"]
    assert main([*files, "-"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### ✓ GO · \\@all &lt;img src=x&gt;.csv against a.csv\n")
    assert "| Pass rate |" in out
    assert "\\(" not in out, "raw Markdown is read too"
    assert main([*files, "comment.md"]) == 0
    assert (empty / "comment.md").read_text("utf-8") == out


def test_korean(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Answer, page, JUnit and comment are in Korean."""
    compared(rows_of(1), rows_of(2), "--lang", "ko", "--junit", "j.xml", "--markdown", "m.md")
    page = (empty / "out" / "review.html").read_text("utf-8")
    for text in (capsys.readouterr().out, page, (empty / "m.md").read_text("utf-8")):
        assert "통과율" in text
        assert "두 파일의 비교일 뿐" in text or "데이터가 증명" in text
    assert 'lang="ko"' in page
    named = names_in((empty / "out" / "review.json").read_bytes())
    named.add("true: passed, false: failed")  # as source.yaml writes it
    comment = texts_of_markdown((empty / "m.md").read_text("utf-8"))
    assert english_on([*texts_of(page), *comment], named) == []


def test_no_stage_is_decided_on_it() -> None:
    """Who opens the report as a review is told what it is."""
    with pytest.raises(UsageError, match="no stage is decided on that"):
        decode(b'{"schema": "rolloutlib/comparison@1"}')


@seldom
def test_two_folders_with_names_that_look_like_globs(empty: Path) -> None:
    """Folders are arms, whatever characters their names have."""
    for name, seed in (("v[1]", 1), ("v*", 2)):
        (empty / name).mkdir()
        for part, rows in enumerate((rows_of(seed)[:150], rows_of(seed)[150:])):
            write(empty / name / f"part-{part}.csv", rows)
    assert main(["compare", "v[1]", "v*", "--out", "out"]) == 0
    review = json.loads((empty / "out" / "review.json").read_text("utf-8"))
    assert [(arm["arm"], arm["samples"]) for arm in review["arms"]] == [
        ("control", 300), ("treatment", 300),
    ]  # fmt: skip


def test_the_shipped_plan_is_the_workbooks() -> None:
    """Who has no workbook is judged by the same gates; editors know its keys."""
    assert SHIPPED.read_bytes() == (ROOT / "params" / "eval.yaml").read_bytes()
    schema = json.loads((ROOT / "params" / "eval.schema.json").read_text("utf-8"))
    assert schema == json.loads(json.dumps(eval_schema())), "run `rollout schema`"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("needs: [pass_rate", "needs: [pas_rate"), "needs has 'pas_rate'"),
        (("    limit: 1.20", "    limit: {profile: max_latency_ms}"), "are numbers here"),
        (("  confidence: 0.95", "  runs_averaged: 3\n  confidence: 0.95"), "runs_averaged is of"),
        (("    limit: -0.07", "    limit: -0.07\n    proof: {0: -0.1}"), "proof is of stages"),
    ],
)
def test_a_plan_that_asks_for_a_stage_is_refused(
    tmp_path: Path, edit: tuple[str, str], message: str
) -> None:
    """What only stages have names the key and why."""
    plan = tmp_path / "eval.yaml"
    plan.write_text(SHIPPED.read_text("utf-8").replace(*edit), "utf-8")
    with pytest.raises(UsageError, match=message):
        load_eval_plan(plan)


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("expected_output", "expected"),
        ("dataset_version", "dataset_version"),
        pytest.param("input_hash", "input_hash", marks=seldom),
        pytest.param("정답", "expected", marks=seldom),
    ],
)
@pytest.mark.usefixtures("empty")
def test_one_id_of_two_prompts_makes_no_pair(column: str, named: str) -> None:
    """Files that name prompts by numbers alone are unlike where a column beside them shows it."""
    first, second = (
        [{"question_id": row["question_id"], "passed": row["passed"],
          column: f"v{version}" if column == "dataset_version" else f"e{n + 7 * version}"}
         for n, row in enumerate(rows_of(version))]
        for version in (1, 2)
    )  # fmt: skip
    code, review = compared(first, second)
    unlike = [why for why in review["reasons"] if why["code"] == "material.unlike"]
    assert (code, [why["facts"]["named"] for why in unlike]) == (10, [named])


def told(column: str, seed: int, texts: list[str]) -> Rows:
    """Return the rows of a run whose prompts are numbers, with texts by turns in a column."""
    return [
        {"question_id": row["question_id"], "passed": row["passed"], column: texts[n % len(texts)]}
        for n, row in enumerate(rows_of(seed))
    ]


@pytest.mark.parametrize(
    ("column", "first", "second", "unlike"),
    [
        (
            "expected",
            ["4", "0.50", "True", "so ", "a\r\nb", "caf\u00e9", "5", "7", "yes", "So"],
            ["4.0", "0.5", "true", "so", "a\nb", "cafe\u0301", "5.1", "007", "no", "so"],
            0.4,
        ),
        ("prompt_version", ["1.1", "2"], ["1.10", "2.0"], 0.5),
    ],
)
@pytest.mark.usefixtures("empty")
def test_one_thing_in_two_spellings_is_one(
    column: str, first: list[str], second: list[str], unlike: float
) -> None:
    """Programs write numbers, truth, blanks, ends of lines and accents each in their own way."""
    _, review = compared(told(column, 1, first), told(column, 2, second))
    (why,) = (why for why in review["reasons"] if why["code"] == "material.unlike")
    assert why["facts"]["prompts"] == unlike * why["facts"]["of"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("expected", ["4", "so", "7"]), ("ground_truth", ["4.0 ", "so", "7"])),
        (("gold", ["4"]), ("reference_answer", ["5"])),
        (("dataset_version", ["1.1"]), ("data_version", ["1.10"])),
        (("judge", ["x"]), ("grader", ["y"])),
        (("judge", ["x"]), ("grader", ["x"])),
    ],
)
@pytest.mark.usefixtures("empty")
def test_what_each_file_calls_otherwise_is_compared(
    first: tuple[str, list[str]], second: tuple[str, list[str]]
) -> None:
    """Expected answers that differ hold, whatever their columns are called; equal ones pass."""
    (old, texts), (new, others) = first, second
    code, review = compared(told(old, 1, texts), told(new, 2, others))
    same = [text.strip().removesuffix(".0") for text in others] == texts
    assert (code, "material.unlike" in codes(review)) == ((0, False) if same else (10, True))
    assert "material.one_file" not in {why["code"] for why in review["warnings"]}
    assert {taken.get("column") for taken in review.get("left", ())}.isdisjoint({old, new})


def test_what_is_compared_may_differ_by_its_name(empty: Path) -> None:
    """Who means it says so, whatever the columns are called."""
    write(empty / "a.csv", told("expected", 1, ["a"]))
    write(empty / "b.csv", told("ground_truth", 2, ["b"]))
    assert main(["compare", "a.csv", "b.csv", "--out", "out", "--differs", "expected"]) == 0


@pytest.mark.parametrize("column", ["expected", "ground_truth"])
@pytest.mark.parametrize(("last", "code"), [([" so", 4.0], 0), (["so", 5], 10)])
def test_expected_answers_may_be_lists(
    empty: Path, column: str, last: list[object], code: int
) -> None:
    """Several answers that are right are one list, and another list is another prompt."""
    for name, seed, key, answers in (("a", 1, "expected", ["so", 4]), ("b", 2, column, last)):
        rows = [
            row | {key: answers, "passed": row["passed"] == "true"}
            for row in told("dataset", seed, ["x"])
        ]
        (empty / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert main(["compare", "a.jsonl", "b.jsonl", "--out", "out"]) == code
    review = json.loads((empty / "out" / "review.json").read_text("utf-8"))
    assert ("material.unlike" in codes(review)) == (code != 0)
