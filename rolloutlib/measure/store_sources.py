"""The sources of stored days: which files a store has read, and what each of them gave."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import structs

from rolloutlib.files import file_sha256
from rolloutlib.measure.days import Source
from rolloutlib.runs.account import FileNote
from rolloutlib.runs.files import META_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rolloutlib.measure.days import Store
    from rolloutlib.runs import InputFile, Runs

__all__ = ["key_of", "source_of", "with_sources"]


def key_of(file: Path, mapping: Path, stage: int | None) -> str:
    """Digest a file with what decides how it is read."""
    beside = [path for path in (mapping, file.parent / META_NAME) if path.is_file()]
    digests = map(file_sha256, (file, *beside))
    return sha256(" ".join([*digests, str(stage)]).encode()).hexdigest()


def source_of(file: InputFile) -> str:
    """Return the name in the store of what a file gave."""
    return f"{_sha256(file)} {file.name}"


def _sha256(file: InputFile) -> str:
    """Return a file's digest; of one that could not be read, that of its name."""
    return file.sha256 or sha256(file.name.encode()).hexdigest()


def with_sources(into: Path, store: Store, fresh: Runs, keys: Mapping[str, str]) -> Store:
    """Account for the files that were read, and keep their refused rows."""
    inputs = [replace(file, sha256=_sha256(file)) for file in fresh.inputs]
    replace(fresh, inputs=tuple(inputs)).write_quarantine(into)
    runs = Counter(info.file for info in fresh.runs)
    sources = {
        source_of(file): Source(
            keys.get(file.name, ""), file.name, file.sha256, file.dialect, runs[file.name],
            file.quarantined, file.set_aside, tuple(r for r in fresh.failed if r.file == file.name),
            tuple({doubt.code: doubt for doubt in fresh.doubts.values()}.values()),
            fresh.notes.get(file.name, FileNote({}, (), "")),
        )
        for file in inputs
    }  # fmt: skip
    return structs.replace(store, sources=dict(sorted((store.sources | sources).items())))
