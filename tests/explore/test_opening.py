"""A report opened again: its seal is held against its parts, its data against its digest."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

import rolloutlib
from rolloutlib.errors import UsageError
from rolloutlib.judge.record import Recommendation
from rolloutlib.judge.review import invalid_review
from rolloutlib.ledger.seal import SEAL, parts_in, seal_of
from rolloutlib.plan.workbook import workbook_root
from rolloutlib.show.folder import save

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib import Review
    from rolloutlib.judge.record import Reviewed
    from rolloutlib.plan.params import ReviewParams


def report(folder: Path, review: Reviewed, params: ReviewParams) -> Path:
    """Write a sealed report of a review; page and notebook name it, and say no more."""
    folder.mkdir()
    save(review, folder, params)
    digest = sha256((folder / "review.json").read_bytes()).hexdigest()
    page = f'<head><meta name="rollout-review" content="sha256:{digest}"></head>'
    (folder / "review.html").write_text(page, encoding="utf-8")
    notebook = {"metadata": {"rolloutlib": {"review": digest}}}
    (folder / "review.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    parts = {name: (folder / name).read_bytes() for name in parts_in(folder)}
    (folder / SEAL).write_bytes(seal_of(parts))
    return folder


@pytest.fixture
def written(small: Review, copied: Path, tmp_path: Path) -> Path:
    """Return the report of a review whose runs a test may change."""
    params = small.params.model_copy(update={"runs": str(copied)})
    return report(tmp_path / "w47", small.judged.review, params)


def test_a_report_is_the_review_that_it_was(small: Review, written: Path) -> None:
    """Its tables and its samples are those of the review, by its folder and by its review.json."""
    for path in (written, written / "review.json", str(written)):
        opened = rolloutlib.open(path)
        assert opened.gates.to_pandas().equals(small.gates.to_pandas())
        assert repr(opened) == repr(small)
        assert opened.look == small.look
    assert opened.judged.source.digest == small.judged.source.digest


def test_nothing_is_read_before_it_is_asked_for(written: Path, copied: Path) -> None:
    """Tables need no data; who asks for samples that are gone is told, and the tables stay."""
    opened = rolloutlib.open(written)
    shutil.rmtree(copied)
    assert len(opened.gates) == len(opened.record.gates)
    with pytest.raises(UsageError, match=r"cannot be read again: .*no such file.*tables of the"):
        _ = opened.judged
    assert opened.recommendation is opened.record.recommendation


@pytest.mark.parametrize("edit", ["value", "order"])
def test_changed_data_are_no_evidence_of_this_report(
    written: Path, copied: Path, edit: str
) -> None:
    """A changed value is refused; another order of the same rows is the same."""
    table = copied / "samples.csv"
    head, *rows = table.read_text("utf-8").splitlines()
    rows = [rows[0].replace("900", "901"), *rows[1:]] if edit == "value" else rows[::-1]
    table.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    opened = rolloutlib.open(written)
    if edit == "order":
        assert opened.judged.review.data_sha256 == opened.data_sha256
        return
    with pytest.raises(UsageError, match=r"data have changed since .*rolloutlib\.review"):
        _ = opened.judged


@pytest.mark.parametrize(("old", "new", "same"), [
    ("", "\n# a remark\n", True), ("2: -0.03}", "2: -0.04}", False),
])  # fmt: skip
def test_a_changed_plan(
    small: Review, tmp_path: Path, *, old: str, new: str, same: bool
) -> None:  # fmt: skip
    """A remark in the plan changes nothing; a plan that judges otherwise is told, with a gate."""
    plan = tmp_path / "plan.yaml"
    text = (workbook_root() / "params/plan.yaml").read_text("utf-8")
    plan.write_text(text, encoding="utf-8")
    params = small.params.model_copy(update={"plan": str(plan)})
    folder = report(tmp_path / "w47", small.judged.review, params)
    plan.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")
    assert plan.read_text("utf-8") != text
    opened = rolloutlib.open(folder)
    if same:
        assert opened.judged.plan.gates.keys() == small.judged.plan.gates.keys()
        return
    with pytest.raises(UsageError, match=r"plan has changed since .* judges the data otherwise"):
        _ = opened.judged


@pytest.mark.parametrize("part", ["review.json", "review.html", "review.ipynb", "params.yaml"])
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_parts_that_do_not_belong_together_are_refused(written: Path, part: str, how: str) -> None:
    """Whichever part was edited or is gone: the report is no review, and the part is named."""
    path = written / part
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UsageError, match=rf"(?s){part}.*rollout review --out") as error:
        rolloutlib.open(written)
    assert str(written) in str(error.value)


def test_without_a_seal_a_report_says_so(written: Path) -> None:
    """What a notebook wrote by itself has none: it is opened, and whoever looks at it is told."""
    (written / SEAL).unlink()
    opened = rolloutlib.open(written)
    assert "no seal" in repr(opened)
    assert "no seal" in opened._repr_html_()
    alone = written.parent / "elsewhere.json"
    shutil.copy(written / "review.json", alone)
    assert "by itself" in repr(rolloutlib.open(alone))
    with pytest.raises(UsageError, match="without its data"):
        _ = rolloutlib.open(alone).judged


def test_an_invalid_report_opens_too(small: Review, tmp_path: Path) -> None:
    """Data that are no evidence have a report without gates, and its tables are empty."""
    nowhere = small.params.model_copy(update={"runs": "no/such/runs"})
    folder = report(tmp_path / "bad", invalid_review(nowhere, "Nothing is there."), nowhere)
    opened = rolloutlib.open(folder)
    assert opened.recommendation is Recommendation.INVALID
    assert "Nothing is there." in repr(opened)
    assert opened.gates.to_pandas().empty
    with pytest.raises(UsageError, match="cannot be read again"):
        _ = opened.judged


@pytest.mark.parametrize(("path", "refusal"), [
    ("reports/nothing", "there is no report 'reports/nothing'"),
    ("data/exampels", "Did you mean 'examples'"),
    ("data/examples/bfcl", "holds no review.json"),
    ("README.md", "is no review"),
    (3, "path is a int; expected the folder"),
])  # fmt: skip
def test_what_is_no_report_is_told(path: str, refusal: str) -> None:
    """A missing folder, one of something else, and a value of another type are sentences."""
    with pytest.raises(UsageError, match=refusal):
        rolloutlib.open(path)


def test_paths_start_at_the_workbook_or_here(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As parameters do, from the workbook's root; else from where the notebook is."""
    monkeypatch.chdir(written.parent)
    assert rolloutlib.open("w47").stage == 2
