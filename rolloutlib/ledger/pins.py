"""What a decision rests on: the folder that a review left, and digests of everything behind it."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import dataclass
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING

import rfc8785

from rolloutlib.errors import UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.judge.carrying import stage_in, stage_params_of, under, whole_digest
from rolloutlib.judge.record import Recommendation, Review, decode, encode
from rolloutlib.judge.sources import data_digest
from rolloutlib.ledger.documents import digest_of
from rolloutlib.ledger.findings import LedgerError, together
from rolloutlib.ledger.records import Digests, Pins, Subject
from rolloutlib.ledger.seal import NOTEBOOK, PARAMS, QUARANTINE, REVIEW, SEAL, faults, parts_in
from rolloutlib.limits import DOCUMENT_BYTES, FILE_BYTES
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.params import ReviewParams, review_params
from rolloutlib.plan.strict_yaml import load_yaml
from rolloutlib.runs.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rolloutlib.plan.model import Plan

_NEEDED = (REVIEW, NOTEBOOK, PARAMS)
_QUARANTINE_BYTES = 10_000_000  # bytes of refused rows that go into the ledger, and so into git
_CODE = ("rolloutlib", "notebooks", "params/plan.yaml", "requirements.lock")


@dataclass(frozen=True, slots=True)
class ReviewFolder:
    """What `rollout review --out` wrote: its parts, the review, its parameters, and their plan."""

    folder: Path
    files: dict[str, bytes]
    review: Review
    params: ReviewParams
    plan: Plan

    @classmethod
    def read(cls, folder: Path, root: Path) -> ReviewFolder:
        """Read a review folder of a workbook, each part once.

        Raises:
            UsageError: a file is missing or is not what `rollout review` writes.
        """
        if not folder.is_dir():
            raise UsageError(
                "{folder}: there is no such folder; expected the one that `rollout review --out` "
                "wrote", folder=folder,
            )  # fmt: skip
        files = {name: _bytes_of(folder, name) for name in parts_in(folder)}
        missing = [name for name in _NEEDED if name not in files]
        if missing and REVIEW in files:
            decode(files[REVIEW], where=str(folder / REVIEW))  # what is no review at all says so
        if missing and not (missing == [NOTEBOOK] and SEAL in files):
            raise UsageError(
                "{folder} has no {files}; expected the folder that `rollout review --out` wrote",
                folder=folder, files=", ".join(missing),
            )  # fmt: skip
        review = decode(files[REVIEW], where=str(folder / REVIEW))
        if missing and review.recommendation is Recommendation.INVALID:
            raise UsageError(
                "{folder} is INVALID: its data are no evidence, and there is nothing to decide; "
                "mend them and review again", folder=folder,
            )  # fmt: skip
        values = load_yaml(folder / PARAMS)
        if _bytes_of(folder, PARAMS) != files[PARAMS]:
            raise UsageError(
                "{folder} was written anew while it was read; run it again", folder=folder
            )
        params = review_params(values, where=str(folder / PARAMS))
        return cls(folder, files, review, params, load_plan(root / params.plan))

    def require_seal(self) -> None:
        """Refuse a report whose parts are not those of one review, as it left them.

        Raises:
            LedgerError: it has no seal, or parts disagree; the message names them.
        """
        if SEAL not in self.files:
            raise LedgerError("unsealed", folder=self.folder)
        if parts := faults(self.files):
            raise LedgerError("unsealed.parts", folder=self.folder, parts=together(parts))

    @property
    def evidence(self) -> dict[str, bytes]:
        """What a record keeps of the report: all of it, but no quarantine of many megabytes.

        The seal, which the record pins, lists the digests of that, too.
        """
        refused = {name for name in self.files if name.startswith(f"{QUARANTINE}/")}
        large = sum(len(self.files[name]) for name in refused) > _QUARANTINE_BYTES
        return {name: data for name, data in self.files.items() if not large or name not in refused}


def _bytes_of(folder: Path, name: str) -> bytes:
    """Read a part once; refused rows may be as many as the rows of a file."""
    refused = name.startswith(f"{QUARANTINE}/")
    return bounded_bytes(folder / name, FILE_BYTES if refused else DOCUMENT_BYTES)


def pins_of(read: ReviewFolder, review: Review, root: Path) -> Pins:
    """Return the pins of a review, and of the code and environment as they are now.

    Args:
        read: the folder of the review.
        review: the review in it, or the same one made again.
        root: the workbook's root.
    """
    unused = {"out", "lang", "against"}  # of the page alone
    if not read.params.carry:
        unused.add("carry")  # pins of before it was there stay equal
    used = read.params.model_dump(mode="json", exclude=unused)
    inputs = sorted((file.name, file.sha256) for file in review.inputs if file.sha256)
    commit, dirty = _git(root)
    lock = root / "requirements.lock"
    return Pins(
        data=review.data_sha256,
        inputs=tuple(Subject(name, Digests(digest)) for name, digest in inputs),
        params=digest_of(rfc8785.dumps(used)), plan=review.plan_sha256,
        cells=_cells(read.files["review.ipynb"]), commit=commit, dirty=dirty,
        requirements=digest_of(lock.read_bytes() if lock.is_file() else b""),
        python=platform.python_version(), platform=f"{platform.system()} {platform.machine()}",
        results=results_digest(review),
    )  # fmt: skip


def changed_files(read: ReviewFolder, root: Path) -> Iterator[str]:
    """Yield the names of the files of runs, and the plan, that are not as the review found them.

    Of a store and of data on Spark there is one digest, and so one name: that of the runs.
    """
    review = read.review
    digest = data_digest(read.params)
    if digest is None:
        yield from _changed_runs(read, read.params, root, "")
    elif whole_digest(digest, review.carried) != review.data_sha256:
        yield read.params.runs
    for place, carried in enumerate(review.carried):
        its = stage_params_of(read.params, place)
        if not carried.data_sha256:
            continue
        digest = data_digest(its)
        if digest is None:
            yield from _changed_runs(read, its, root, under(carried.stage))
        elif digest != carried.data_sha256:
            yield its.runs
    if digest_of((root / read.params.plan).read_bytes()) != read.review.plan_sha256:
        yield read.params.plan


def _changed_runs(
    read: ReviewFolder, params: ReviewParams, root: Path, start: str
) -> Iterator[str]:
    """Yield the files of one stage that changed; a carried one's names have its start."""
    reviewed = {file.name: file.sha256 for file in read.review.inputs
                if file.sha256 and stage_in(file.name) == start}  # fmt: skip
    digests_now: dict[str, str] = {}
    source = root / params.source if params.source else None
    for file in place_of(root / params.runs, source).listing.files:
        with open(file.path, "rb") as stream:  # noqa: PTH123
            digests_now[f"{start}{file.name}"] = file_digest(stream, "sha256").hexdigest()
    for name in sorted(reviewed | digests_now):
        if reviewed.get(name) != digests_now.get(name):
            yield name


def results_digest(review: Review) -> str:
    """Return the sha256 of a review as canonical JSON (RFC 8785: the same floats, the same bytes).

    The review as it is written: its reasons carry their sentences.
    """
    return digest_of(rfc8785.dumps(json.loads(encode(review))))


def _cells(notebook: bytes) -> str:
    """Digest the code cells' sources, but not the parameters that papermill injected."""
    cells = [cell for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]
    own = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", ())]
    return sha256("\0".join("".join(cell["source"]) for cell in own).encode()).hexdigest()


def _git(root: Path) -> tuple[str | None, bool | None]:
    """Return the workbook's commit and whether its code differs from it; None without git."""
    commit = _git_says(root, "rev-parse", "HEAD")
    changes = _git_says(root, "status", "--porcelain", "--", *_CODE)
    if commit is None or changes is None:
        return None, None
    return commit, bool(changes)


def _git_says(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return None if done.returncode else done.stdout.strip()
