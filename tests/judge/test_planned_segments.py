"""A review tests the segments that the plan names, whatever column of the source they are."""

# pyright: reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from rolloutlib.errors import RunsError
from rolloutlib.judge.review import Judged, judge_stage
from rolloutlib.judge.sources import sample_frame
from rolloutlib.measure import stored as reading
from rolloutlib.measure.scan import collect
from rolloutlib.measure.store import ingest
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.params import review_params
from rolloutlib.runs import read_runs
from rolloutlib.runs.columns import SCHEMA
from rolloutlib.words.reasons import sentence
from tests.engines import same_numbers
from tests.often import EXHAUSTIVE

pytestmark = pytest.mark.slow  # whole reviews

ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "data" / "examples" / "story" / "stage-2"
SPEC = "segments: {platform: device, id: user_id, blank: nothing}\ntexts: {answer: reply}\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the story's stage 2, whose treatment fails on every fourth device."""
    table = read_runs(STORY, stage=2).table
    texts = table["user_id"].to_pylist()
    device = [("web", "ios", "web", "tv")[sum(map(ord, user)) % 4] for user in texts]
    harmed = pc.and_(pc.equal(pa.array(device), "tv"), pc.equal(table["arm"], "treatment"))
    places = {name: table.schema.get_field_index(name) for name in ("passed", "status")}
    fails = pc.and_(harmed, pc.equal(table["status"], "passed"))
    status = pc.if_else(fails, "failed", table["status"])
    table = table.set_column(places["status"], "status", status)
    table = table.set_column(places["passed"], "passed", pc.equal(status, "passed"))
    table = table.append_column("device", pa.array(device))
    table = table.append_column("nothing", pa.nulls(len(table), pa.string()))
    table = table.append_column("reply", pa.array([f"answer of {user}" for user in texts]))
    folder = tmp_path_factory.mktemp("planned")
    pq.write_table(table, folder / "samples.parquet")
    (folder / "source.yaml").write_text(SPEC, encoding="utf-8")
    return folder


def planned(folder: Path, *segments: str) -> Path:
    """Write the shipped plan with other segments."""
    text = (ROOT / "params" / "plan.yaml").read_text(encoding="utf-8")
    shipped = "segments: [category, profile, difficulty]"
    assert shipped in text
    path = folder / "plan.yaml"
    path.write_text(text.replace(shipped, f"segments: [{', '.join(segments)}]"), encoding="utf-8")
    return path


def judged(runs: Path, plan: Path, **how: Any) -> Judged:  # noqa: ANN401
    """Review the runs by a plan."""
    params = {"stage": 2, "runs": str(runs), "plan": str(plan), "looks": "",
             "evidence": str(STORY / "evidence")}  # fmt: skip
    return judge_stage(review_params(params | how))


def test_a_planned_segment_is_tested_and_what_is_not_there_is_told(
    runs: Path, tmp_path: Path
) -> None:
    """The device that loses is found; a slip, a column of nothing and none each have a reason."""
    names = ("category", "platform", "platfrm", "blank", "country")
    review = judged(runs, planned(tmp_path, *names)).review
    parts = {(part.by, part.value): part for part in review.segments}
    assert {value for by, value in parts if by == "platform"} == {"ios", "tv", "web"}
    assert parts["platform", "tv"].loss
    assert not parts["platform", "web"].loss
    assert any(by == "category" for by, _ in parts)
    warnings = {
        why.facts["segment"]: why for why in review.warnings if why.code.startswith("segments")
    }
    assert {name: why.code for name, why in warnings.items()} == {
        "platfrm": "segments.misspelled", "blank": "segments.alike", "country": "segments.unmapped",
    }  # fmt: skip
    assert warnings["platfrm"].facts["near"] == "platform"
    assert 'add "segments: {country: <its column>}" to source.yaml' in sentence(warnings["country"])


def test_an_id_is_no_segment(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has more values than a segment may have is told, by rows and by stored days."""
    for room in ("scan", "summed", "sums"):
        monkeypatch.setattr(f"rolloutlib.measure.{room}.MOST_VALUES", 2)
    plan = planned(tmp_path, "category", "platform")
    ingest(runs, tmp_path / "store", load_plan(plan))
    for source in (runs, tmp_path / "store"):
        review = judged(source, plan).review
        assert not [part for part in review.segments if part.by == "platform"]
        (why,) = (why for why in review.warnings if why.code == "segments.crowded")
        assert why.facts["segment"] == "platform"


def test_a_store_answers_from_its_sums(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A review of stored days has the segments of the rows' review, and reads no row."""
    plan = planned(tmp_path, "category", "platform", "blank")
    raw = judged(runs, plan).review.record
    ingest(runs, tmp_path / "store", load_plan(plan))
    with monkeypatch.context() as patched:
        patched.setattr(reading, "measure", pytest.fail)
        of_store = judged(tmp_path / "store", plan)
    same_numbers(_parts(raw), _parts(of_store.review.record))
    assert sample_frame(of_store.source, texts=True).texts == ("answer_text",)
    assert sample_frame(of_store.source).texts == ()


def test_a_segment_that_is_planned_later_is_read_from_rows(runs: Path, tmp_path: Path) -> None:
    """Until the next ingest, which sums it up without reading its sources again."""
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
    old, new = planned(before, "category"), planned(after, "category", "platform")
    store = tmp_path / "store"
    ingest(runs, store, load_plan(old))
    raw = judged(runs, new).review.record
    rows = judged(store, new).review.record
    again = ingest(runs, store, load_plan(new))
    assert (again.known, bool(again.days)) == (1, True)
    sums = judged(store, new).review.record
    for record in (rows, sums):
        same_numbers(_parts(raw), _parts(record))
    assert rows.data_sha256 == sums.data_sha256


@pytest.mark.skipif(not EXHAUSTIVE, reason="two whole reviews more")
def test_a_segment_named_later_is_no_further_look(runs: Path, tmp_path: Path) -> None:
    """The files are the same: whoever maps a column more spends no look, though digests differ."""
    folder, looks = tmp_path / "runs", str(tmp_path / "looks.jsonl")
    folder.mkdir()
    (folder / "samples.parquet").write_bytes((runs / "samples.parquet").read_bytes())
    plan, reviews = planned(tmp_path, "category", "platform"), list[Any]()
    for spec in ("texts: {answer: reply}\n", SPEC):
        (folder / "source.yaml").write_text(spec, encoding="utf-8")
        reviews.append(judged(folder, plan, looks=looks).review)
    assert [review.look.number for review in reviews] == [1, 1]
    assert reviews[0].data_sha256 != reviews[1].data_sha256


def _parts(record: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return [{name: getattr(part, name) for name in part.__struct_fields__}
            for part in record.segments]  # fmt: skip


def test_the_rows_of_a_review_have_their_segments_and_texts(runs: Path, tmp_path: Path) -> None:
    """Texts come when they are asked for, and only if the files are those that were read."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for path in runs.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    source = judged(folder, planned(tmp_path, "category")).source
    plain, whole = sample_frame(source), sample_frame(source, texts=True)
    extras = ("blank", "id", "platform")
    assert (plain.extras, plain.texts) == (extras, ())
    assert (whole.extras, whole.texts) == (extras, ("answer_text",))
    assert plain.frame().collect_schema().names() == [*SCHEMA.names, *extras]
    row = collect(whole.frame().select("id", "answer_text").head(1)).to_pylist()[0]
    assert row["answer_text"] == f"answer of {row['id']}"
    assert whole.digest() == plain.digest()
    table = pq.read_table(folder / "samples.parquet")
    pq.write_table(table.slice(1), folder / "samples.parquet")
    with pytest.raises(RunsError, match=r"not those that the review read"):
        sample_frame(source, texts=True)
