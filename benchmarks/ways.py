"""Ways from a flat table to a comparison of two arms, each run as a process of its own.

Usage: python -m benchmarks.ways WAY PATH [DAYS]   (floor, sums, sql, review, tea_tasting, pandas)

Each prints one line of JSON: rows and passed samples of each arm, so that who compares them sees
that all read the same. `review` is `review_stage` as a notebook calls it; what stands beside it
computes less and checks nothing: `sql` the sums, tags, segments and histograms that a review needs,
`sums` only the moments by arm, run and user, `floor` one scan of the columns that a review needs.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# (polars and tea-tasting are not installed where types are checked)
from __future__ import annotations

import json
import re
import sys
from pathlib import Path

Counts = dict[str, tuple[int, int]]
BY_HAND = Path(__file__).with_name("by_hand.sql")
FLOOR = """select arm, count(*), sum((status = 'passed')::int), max(run_id),
  max(epoch(started_at)), max(sample_id),
  max(user_id), max(prompt_id), max(category), max(difficulty), sum(score), sum(latency_ms),
  sum(len(issues)), sum(style_violations) from '{path}' group by arm"""
SLOW_MS, TIMEOUT_MS = 2200, 30_000


def floor(path: str) -> Counts:
    """One scan of the needed columns."""
    import duckdb

    lines = duckdb.sql(FLOOR.format(path=path)).fetchall()
    return {line[0]: (line[1], line[2]) for line in lines}


def sums(path: str) -> Counts:
    """Moments by arm, run and user, in SQL by hand."""
    return _by_hand(path, {"sums"})


def sql(path: str) -> Counts:
    """Everything that a review needs, in SQL by hand."""
    return _by_hand(path, set())


def _by_hand(path: str, only: set[str]) -> Counts:
    import duckdb

    _, *parts = re.split(r"^-- (\w+) --$", BY_HAND.read_text("utf-8"), flags=re.MULTILINE)
    queries = dict(zip(parts[::2], parts[1::2], strict=True))
    answers = {
        name: duckdb.sql(query.replace("{path}", path)).fetchnumpy()
        for name, query in queries.items()
        if not only or name in only
    }
    moments = answers["sums"]
    chosen = {arm: moments["arm"] == arm for arm in sorted(set(moments["arm"]))}
    return {
        arm: (int(moments["n"][rows].sum()), int(moments["passed"][rows].sum()))
        for arm, rows in chosen.items()
    }


def review(path: str, days: int | None = None) -> Counts:
    """The review of stage 3, of a store its last days."""
    from rolloutlib.judge.review import review_stage
    from rolloutlib.plan.params import review_params

    judged = review_stage(
        review_params({"stage": 3, "runs": path, "looks": ""} | ({"days": days} if days else {}))
    )
    gate = next(gate for gate in judged.gates if gate.id == "pass_rate")
    rates = {judged.control: gate.control, judged.treatment: gate.treatment}
    return {
        arm.arm: (arm.samples, round((rates[arm.arm] or 0) * arm.samples)) for arm in judged.arms
    }


def tea_tasting(path: str) -> Counts:
    """Users' sums in Polars, ratios of means by tea-tasting: its way for users' samples."""
    import polars as pl
    import tea_tasting as tt

    latency = pl.col("latency_ms").fill_null(
        pl.when(pl.col("status") == "timeout").then(pl.lit(float(TIMEOUT_MS)))
    )
    users = (
        pl.scan_parquet(path)
        .group_by("arm", "user_id")
        .agg(
            pl.len().alias("n"),
            (pl.col("status") == "passed").sum().alias("passed"),
            (pl.col("status") == "vetoed").sum().alias("vetoed"),
            pl.col("status").is_in(["error", "timeout"]).sum().alias("errors"),
            pl.col("score").sum().alias("score"),
            pl.col("score").count().alias("n_score"),
            latency.sum().alias("latency"),
            latency.count().alias("n_latency"),
            (latency > SLOW_MS).sum().alias("slow"),
            pl.col("issues").list.contains("hallucination").sum().alias("hallucination"),
            pl.col("style_violations").sum().alias("style_violations"),
        )
        .collect()
    )
    plain = ("passed", "vetoed", "errors", "hallucination", "style_violations")
    experiment = tt.Experiment(
        **{name: tt.RatioOfMeans(name, "n") for name in plain},
        score=tt.RatioOfMeans("score", "n_score"),
        latency=tt.RatioOfMeans("latency", "n_latency"),
        slow=tt.RatioOfMeans("slow", "n_latency"),
        users=tt.SampleRatio(),
        variant="arm",
    )
    experiment.analyze(users, control="control").to_pandas()
    totals = users.group_by("arm").agg(pl.col("n").sum(), pl.col("passed").sum()).rows()
    return {arm: (n, passed) for arm, n, passed in totals}


def pandas(path: str) -> Counts:
    """Average by user, Welch's test for each metric, quantiles, tags: an analyst's way."""
    import pandas as pd
    from scipy import stats

    samples = pd.read_parquet(path)
    samples["passed"] = samples["status"] == "passed"
    samples["vetoed"] = samples["status"] == "vetoed"
    samples["errors"] = samples["status"].isin(["error", "timeout"])
    samples.loc[(samples["status"] == "timeout") & samples["latency_ms"].isna(), "latency_ms"] = (
        TIMEOUT_MS
    )
    samples["slow"] = samples["latency_ms"] > SLOW_MS
    metrics = ["passed", "vetoed", "errors", "slow", "score", "latency_ms", "style_violations"]
    users = samples.groupby(["arm", "user_id"])[metrics].mean()
    control, treatment = users.loc["control"], users.loc["treatment"]
    for metric in metrics:
        stats.ttest_ind(treatment[metric], control[metric], equal_var=False, nan_policy="omit")
    samples.groupby(["arm", "run_id"])[metrics].mean()
    samples.groupby(["arm", "category"])["passed"].mean()
    samples.groupby("arm")["latency_ms"].quantile(0.95)
    samples[["arm", "issues"]].explode("issues").value_counts()
    totals = samples.groupby("arm")["passed"].agg(["size", "sum"])
    return {str(arm): (int(n), int(passed)) for arm, (n, passed) in totals.iterrows()}


WAYS = {way.__name__: way for way in (floor, sums, sql, review, tea_tasting, pandas)}

if __name__ == "__main__":
    print(json.dumps(WAYS[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:])), sort_keys=True))
