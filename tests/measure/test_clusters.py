"""Declared clusters above users: what a bound rests on, and what they must not hide."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
import yaml

from rolloutlib.judge.record import Recommendation, Reviewed, Verdict
from rolloutlib.judge.review import review_stage
from rolloutlib.measure.store import ingest
from rolloutlib.measure.sums import about_runs
from rolloutlib.plan.params import review_params
from rolloutlib.runs import digests
from rolloutlib.runs.samples import Samples
from tests.tables import PLAN, frame_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # whole reviews

BEFORE = "105c9056c23fc20562fcc6f4bce83305c307b232aa108a7d80860360b8a6c414"
MAPPED = ("arm", "run_id", "prompt_id", "user_id", "status")


def teams(count: int = 12, size: int = 5, each: int = 4, *, whole: bool = False) -> pd.DataFrame:
    """Draw teams of users with several samples; half of the teams differ, all of their people."""
    arms, user, place = (
        part.ravel()
        for part in np.meshgrid(["control", "treatment"], range(count * size), range(each))
    )
    team = user // size
    rows = pd.DataFrame(
        {"arm": arms, "run_id": [f"{arm}-{n}" for arm, n in zip(arms, place, strict=True)]}
    )
    rows["prompt_id"] = [f"q{u}-{n}" for u, n in zip(user, place, strict=True)]
    rows["user_id"], rows["team"] = [f"u{u}" for u in user], [f"t{t}" for t in team]
    failed = (place == 0) | ((team % 2 == 1) & (arms == "treatment") & (place == 1))
    rows["status"] = np.where(failed, "failed", "passed")
    return rows[(team % 2 == 0) == (arms == "control")] if whole else rows


def review(rows: pd.DataFrame, folder: Path, *, cluster: str | None = "team") -> Reviewed:
    """Review samples as a Parquet file, with clusters declared or not."""
    write(rows, folder, cluster)
    return review_stage(review_params({"stage": 1, "runs": str(folder), "looks": ""}))


def write(rows: pd.DataFrame, folder: Path, cluster: str | None, name: str = "s.parquet") -> None:
    """Write samples and the source.yaml beside them."""
    folder.mkdir(exist_ok=True)
    if name.endswith(".csv"):
        rows.to_csv(folder / name, index=False)
    else:
        rows.to_parquet(folder / name)
    columns = {field: field for field in MAPPED} | ({"cluster": cluster} if cluster else {})
    (folder / "source.yaml").write_text(yaml.safe_dump({"columns": columns}))


def pass_rate(reviewed: Reviewed) -> Any:  # noqa: ANN401
    """Return the evidence on the pass rate."""
    return next(gate.evidence for gate in reviewed.gates if gate.id == "pass_rate")


def codes(reviewed: Reviewed) -> set[str]:
    """Return the codes of a review's reasons."""
    return {reason.code for reason in reviewed.reasons}


def test_bounds_rest_on_clusters_where_they_are_declared(tmp_path: Path) -> None:
    """Twelve teams of five are twelve, so the bound is wider than that of sixty people."""
    people = pass_rate(review(teams(), tmp_path, cluster=None))
    clustered = pass_rate(review(teams(), tmp_path))
    assert (people.unit, people.clusters_control) == ("user", 60)
    assert (clustered.unit, clustered.clusters_control, clustered.design) == (
        "cluster",
        12,
        "crossed",
    )
    assert clustered.point == people.point
    assert clustered.lower < people.lower


def test_every_format_and_a_store_rest_on_the_same_clusters(tmp_path: Path) -> None:
    """Columns, careful rows, run envelopes and stored days give one estimate."""
    rows = teams()
    expected = pass_rate(review(rows, tmp_path / "parquet"))
    write(rows, tmp_path / "csv", "team", "s.csv")
    write(
        rows.assign(box=pd.Series([{"team": t} for t in rows["team"]], rows.index)),
        tmp_path / "inner",
        "box.team",
    )
    path = tmp_path / "envelopes"
    path.mkdir()
    lines = [envelope(part, str(name)) for name, part in rows.groupby("run_id")]
    (path / "runs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    ingest(tmp_path / "csv", tmp_path / "store", PLAN)
    for folder in ("csv", "inner", "envelopes", "store"):
        params = review_params({"stage": 1, "runs": str(tmp_path / folder), "looks": ""})
        evidence = pass_rate(review_stage(params))
        assert (evidence.unit, evidence.clusters, evidence.lower) == (
            "cluster",
            12,
            expected.lower,
        ), folder


def envelope(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return a run of the engine's own form."""
    named = {"prompt_id": "promptId", "user_id": "userId", "team": "cluster", "status": "status"}
    samples = rows[list(named)].rename(columns=named).assign(id=rows["prompt_id"])
    return {"runId": name, "arm": name.partition("-")[0], "startedAt": "2026-10-01T10:00:00Z",
            "result": {"samples": samples.to_dict("records")}}  # fmt: skip


def test_an_undeclared_column_is_no_cluster(tmp_path: Path) -> None:
    """A table with our names and a column called cluster keeps its users as units."""
    rows = teams().rename(columns={"team": "cluster"})
    rows.to_parquet(tmp_path / "s.parquet")
    params = review_params({"stage": 1, "runs": str(tmp_path), "looks": ""})
    assert pass_rate(review_stage(params)).unit == "user"


def test_a_cluster_that_only_some_samples_name_passes_nothing(tmp_path: Path) -> None:
    """Half named, or declared and empty: no gate passes, and the reason names the cluster."""
    rows = teams()
    rows.loc[::2, "team"] = None
    half = review(rows, tmp_path)
    empty = review(rows.assign(team=pd.Series([None] * len(rows), dtype="string")), tmp_path)
    for reviewed in (half, empty):
        assert reviewed.recommendation is Recommendation.HOLD
        assert all(gate.evidence.verdict is not Verdict.PASS for gate in reviewed.gates)
        gaps = [reason for reason in reviewed.reasons if reason.code == "unit.gaps"]
        assert [reason.facts["unit"] for reason in gaps] == ["cluster"]


def test_a_user_in_two_clusters_passes_nothing(tmp_path: Path) -> None:
    """Clusters that share a user are fewer than they seem."""
    rows = teams()
    rows.loc[(rows["user_id"] == "u0") & (rows["arm"] == "treatment"), "team"] = "t1"
    reviewed = review(rows, tmp_path)
    assert "clusters.shared" in codes(reviewed)
    assert all(gate.evidence.verdict is not Verdict.PASS for gate in reviewed.gates)


def test_the_allocation_is_of_users_or_of_whole_clusters(tmp_path: Path) -> None:
    """Whole teams of other sizes are no mismatch; users of shared teams that stay away are one."""
    rows = teams(40, 5, 2, whole=True)
    small = (rows["arm"] == "treatment") & (rows["user_id"].str[1:].astype(int) % 5 > 0)
    reviewed = review(rows[~small], tmp_path)
    assert reviewed.recommendation is not Recommendation.INVALID
    shared = teams(20, 20, 1)
    number = shared["user_id"].str[1:].astype(int)
    split = shared[(number % 4 == 0) == (shared["arm"] == "treatment")]
    assert codes(review(split, tmp_path)) == {"arms.sample_ratio"}


@pytest.mark.parametrize("exact", [True, False])
def test_digests_without_clusters_stay(monkeypatch: pytest.MonkeyPatch, *, exact: bool) -> None:
    """Data of before have their digest of before; a cluster that is told is part of it."""
    monkeypatch.setattr(digests, "EXACT_ROWS", 10 if exact else 0)
    rows = [{"user_id": "u", "score": 1.0}, {"user_id": "v", "score": 2.0}]
    plain = Samples(frame_of(rows))
    before = Samples.from_frame(plain.frame().drop("cluster"))
    clustered = Samples(frame_of([row | {"cluster": "t"} for row in rows]))
    assert plain.digest() == before.digest()
    assert clustered.digest() != plain.digest()
    if exact:
        assert plain.digest() == BEFORE


def test_stored_runs_keep_the_contents_of_before() -> None:
    """Runs without clusters have the sums of hashes that older stores pinned; others differ."""
    contents: list[list[int]] = []
    for cluster in ({}, {"cluster": "t"}):
        rows = [{"user_id": "u", "score": 1.0} | cluster, {"user_id": "v", "score": 2.0} | cluster]
        connection = duckdb.connect(":memory:")
        connection.register("rows", nw.to_native(frame_of(rows)).to_arrow_table())
        contents += [numbers[:2] for numbers, _ in about_runs(connection).values()]
    if duckdb.__version__ == "1.5.6":  # whose hash it is
        assert contents[0] == [14983132065083472964, 16746088501247677240]
    assert contents[0] != contents[1]
