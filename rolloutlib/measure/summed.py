"""A review's sums from the sums of stored days."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# (pyarrow carries no types)
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rolloutlib.measure.components import overlap_of
from rolloutlib.measure.counts import CLUSTERS, Count, names_of, run_scale
from rolloutlib.measure.days import (
    KNOWN_ISSUES,
    SEPARATOR,
    SUMS,
    Place,
    capped,
    cells_of,
    name_of,
    numbers,
    segment_of,
    sum_file,
)  # fmt: skip
from rolloutlib.measure.histograms import Histogram, histograms_of
from rolloutlib.measure.moments import MomentTable, key_of
from rolloutlib.measure.prompts import lined_up, prompt_counts
from rolloutlib.measure.scan import ANY_ISSUE, STRATA, Measured  # fmt: skip
from rolloutlib.measure.shares import COUNTED, Shares
from rolloutlib.measure.subject import (
    Subject,
    also_listed,
    among,
    choosers_of,
    chosen_rows,
    left_by,
    settled,
    without_choosers,
)  # fmt: skip
from rolloutlib.measure.tags import NO_TAGS, listed_tags
from rolloutlib.plan.metrics import METRICS
from rolloutlib.plan.segments import MOST_VALUES
from rolloutlib.runs.further import is_scorer

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from rolloutlib.measure.days import StoredRun
    from rolloutlib.measure.design import Unit
    from rolloutlib.measure.prompts import PromptCounts
    from rolloutlib.measure.subject import Choosers, Wanted

__all__ = ["Sums", "counts_of"]


def counts_of(runs: Sequence[StoredRun], arms: Sequence[str]) -> dict[str, Count]:
    """Count samples of each arm; different ids are not known yet."""
    by_arm = {arm: [run for run in runs if run.info.arm == arm] for arm in arms}
    return {
        arm: Count(
            sum(run.info.n for run in of), sum(run.with_user for run in of), 0,
            sum(run.with_prompt for run in of), 0,
            len(of), sum(run.labelled for run in of), sum(run.with_cluster for run in of),
            sum(run.people for run in of),
        )
        for arm, of in by_arm.items()
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sums:
    """The days' sums of both arms' runs; `segments` are those beside every source's own."""

    places: tuple[Place, ...]
    runs: Sequence[StoredRun]
    arms: tuple[str, str]
    unit: Unit
    segments: tuple[str, ...] = ()

    def measured(
        self, named: float, slow_above_ms: float, latency_cap_ms: float,
        issues: Wanted = ANY_ISSUE,
    ) -> Measured:  # fmt: skip
        """Put the days' sums together; `named` is the share of samples that name their cluster."""
        tagged, counts = self.tagged(), counts_of(self.runs, self.arms)
        subject = settled(tagged, self.arms[0], issues)
        if subject is None and self.has_to_choose(issues):
            subject = self._choice(tagged)
        also = also_listed(subject, issues, tagged)
        tags, ranked = listed_tags(tagged, counts, self.arms, also=also)
        scorers = (name for place in self.places for name in place.day.extras if is_scorer(name))
        finest = self.finest(tags, slow_above_ms, latency_cap_ms, scorers)
        table = finest.grouped("arm", "cluster")
        latency, score = (self._histograms(name) for name in ("latency_ms", "score"))
        parts = [p.select(["arm", "prompt", "n"]) for p in self._tables(f"prompts{SUMS}")]
        by_arm = {arm: prompt_counts(parts, arm) for arm in self.arms}
        strata, crowded = self._strata()
        whole = Measured(
            self._ids(table, counts, by_arm), self.unit, named, tags, ranked, table=table,
            by_run=finest.grouped("arm", "run_id"), strata=strata, crowded=crowded,
            latency=latency, score=score, carried=tagged,
            prompts=lined_up(by_arm, run_scale(counts, self.arms), self.arms), subject=subject,
            overlap=overlap_of(finest) if self.unit != "sample" else None,
            latency_cap_ms=latency_cap_ms,
        )  # fmt: skip

        def left(choosers: Choosers, metric: str, leaving: Sequence[str]) -> MomentTable:
            return left_by(choosers, finest.only(metric), leaving)

        return without_choosers(whole, self.arms, left)

    def finest(
        self, tags: Sequence[str], slow_above_ms: float, latency_cap_ms: float,
        scorers: Iterable[str] = (),
    ) -> MomentTable:  # fmt: skip
        """Put the moments by run and cluster together, of every metric by the plan's values."""
        plain = {name: name for name in (*METRICS, *scorers) if name not in {"issue", "slow"}}
        columns = plain | {f"issue:{tag}": f"issue:{tag}" for tag in tags or NO_TAGS}
        columns |= {"slow": f"slow:{slow_above_ms:g}", "latency_ms": capped(latency_cap_ms)}
        return self.moments(f"moments{SUMS}", columns)

    def shares(self) -> Shares:
        """Put the days' counts of mixes, vetoes and suggested tags together."""
        mix, vetoes, suggested = COUNTED
        tags = pa.concat_tables(
            [_plain(p, ("arm", "run_id", "tags")) for p in self._tables(suggested)]
        )
        keys = {key: key_of(tags[key]) for key in ("arm", "run_id", "tags")}
        return Shares(
            self.moments(mix, {}, "profile", "difficulty"),
            self.moments(vetoes, {}, "profile", "reason"),
            MomentTable(keys, numbers(tags, "rows"), {}) if len(tags) else None,
        )

    def has_to_choose(self, issues: Wanted) -> bool:
        """Return whether the control's samples have to choose an issue."""
        tagged, control = self.tagged(), self.arms[0]
        carried = any(arm == control for arm, _ in tagged)
        return issues.open and carried and settled(tagged, control, issues) is None

    def tagged(self) -> Counter[tuple[str, str]]:
        """Count the samples of each arm that carry each tag."""
        tagged: Counter[tuple[str, str]] = Counter()
        for run in self.runs:
            tagged.update({(run.info.arm, tag): n for tag, n in run.tags.items()})
        return tagged

    def _choice(self, tagged: Mapping[tuple[str, str], int]) -> Subject:
        """Let a held-out part of the control choose the issue."""
        tags = [tag for arm, tag in tagged if arm == self.arms[0]]
        columns = {tag: f"issue:{tag}" for tag in tags}
        of_control = self.moments(f"moments{SUMS}", columns).where(arm=self.arms[0])
        names = names_of(of_control, self.arms[0], "cluster")
        choosers = choosers_of(CLUSTERS[self.unit], self.unit, names)
        chose = of_control.take(chosen_rows(of_control, choosers))
        carried = {tag: round(float(chose.all(tag).total[0])) for tag in tags}
        return Subject(among(tagged, carried, self.arms[0]), "held_out", self.unit, choosers)

    def _tables(self, file: str, columns: Container[str] | None = None) -> list[pa.Table]:
        """Read a file of every day, without the runs that are not asked for."""
        names = {name_of(run.info) for run in self.runs}
        chosen = pa.array(sorted(names), pa.string())
        parts: list[pa.Table] = []
        for place in self.places:
            table = _read(place, file, columns)
            if any(run.info.n and name_of(run.info) not in names for run in place.day.runs):
                arm, run = (table[key].cast(pa.string()) for key in ("arm", "run_id"))
                name_of_row = pc.binary_join_element_wise(arm, run, SEPARATOR)
                table = table.filter(pc.is_in(name_of_row, value_set=chosen))
            if "cluster" in table.column_names and place.day.unit != self.unit:
                at, nothing = table.column_names.index("cluster"), pa.nulls(len(table), pa.string())
                table = table.set_column(at, "cluster", nothing)
            parts.append(table)
        return parts

    def moments(self, name: str, metrics: Mapping[str, str], *more: str) -> MomentTable:
        """Put the days' moments together: metric → its name in the files."""
        keys = ("arm", "run_id", "cluster", *more)
        fields = [f"{column}.{part}" for column in metrics.values() for part in ("n", "mean", "m2")]
        parts = self._tables(name, {*keys, "rows", f"{KNOWN_ISSUES}.n", *fields})
        whole = pa.concat_tables(
            [_plain(part, keys) for part in parts], promote_options="default"
        ).combine_chunks()
        coded = {key: key_of(whole[key]) for key in keys}
        if self.unit == "sample":
            coded["cluster"] = coded["arm"]
        cells = {metric: cells_of(whole, column) for metric, column in metrics.items()}
        return MomentTable(coded, numbers(whole, "rows"), cells)

    def _strata(self) -> tuple[dict[str, MomentTable], dict[str, int]]:
        tables: dict[str, MomentTable] = {}
        crowded: dict[str, int] = {}
        for name in (*STRATA, *self.segments):
            days = [place.day.strata.get(name, (None,)) for place in self.places]
            values = {value for of_day in days for value in of_day}
            if name in self.segments and len(values) > MOST_VALUES:
                crowded[name] = len(values)
            elif len(values) > 1:
                table = self.moments(sum_file(name), {"passed": "passed"}, name)
                if len(np.unique(table.keys[name].codes)) > 1:
                    tables[name] = table.grouped("arm", "cluster", name)
        return tables, crowded

    def _histograms(self, name: str) -> dict[tuple[str, str], Histogram]:
        keys = ("arm", "run_id")
        whole = pa.concat_tables([_plain(part, keys) for part in self._tables(f"{name}{SUMS}")])
        arm, run = (key_of(whole[key]) for key in keys)
        return histograms_of(arm, run, numbers(whole, "value"), numbers(whole, "n"))

    def _ids(
        self, table: MomentTable, counts: Mapping[str, Count], prompts: Mapping[str, PromptCounts]
    ) -> dict[str, Count]:
        """Add the different ids: users by the clusters, prompts by their hashes."""
        full: dict[str, Count] = {}
        for arm, count in counts.items():
            cluster = table.where(arm=arm).keys["cluster"]
            users = len(np.unique(cluster.codes[cluster.codes != cluster.code(None)]))
            of_users = users if self.unit == "user" else 0
            full[arm] = replace(count, users=of_users, prompts=len(prompts[arm].hashes))
        return full


def _read(place: Place, file: str, columns: Container[str] | None) -> pa.Table:
    """Read a day's sums; a segment that no sample of the day tells is unknown in all of them."""
    segment = segment_of(file)
    if segment is None or file in place.day.files:
        return place.read(file, columns)
    table = place.read(sum_file(STRATA[0]), columns)  # in more groups, which add up to the same
    return table.append_column(segment, pa.nulls(len(table), pa.string()))


def _plain(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Turn coded keys into texts, because each day has codes of its own."""
    for key in keys:
        at = table.column_names.index(key)
        table = table.set_column(at, key, table[key].cast(pa.string()))
    return table
