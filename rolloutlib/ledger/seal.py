"""A report as one thing: each part names the review.json that it is of, the seal lists all parts.

A seal is no signature: it shows what was mixed up or edited, and the ledger signs what it lists.
"""

from __future__ import annotations

import re
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from rolloutlib.phrase import Phrase, phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = [
    "NAMES", "NOTEBOOK", "OF_REVIEW", "PAGE", "PARAMS", "QUARANTINE", "REVIEW", "SEAL", "WATCH",
    "WATCH_NOTEBOOK", "WATCH_PAGE", "WHOLE", "disagreeing", "faults", "first_line", "lists",
    "needed", "parts_in", "seal_of", "shown_by",
]  # fmt: skip

REVIEW: Final = "review.json"
PAGE: Final = "review.html"
NOTEBOOK: Final = "review.ipynb"
PARAMS: Final = "params.yaml"
WATCH: Final = "watch.json"
WATCH_PAGE: Final = "watch.html"
WATCH_NOTEBOOK: Final = "watch.ipynb"
SEAL: Final = "seal.sha256"  # as sha256sum writes it: `sha256sum -c seal.sha256`
QUARANTINE: Final = "quarantine"
OF_REVIEW: Final = f"{QUARANTINE}/review.sha256"
WHOLE: Final = (REVIEW, PAGE, NOTEBOOK, PARAMS)  # what a report that can be decided on has
NAMES: Final = (*WHOLE, WATCH, WATCH_PAGE, WATCH_NOTEBOOK, SEAL)  # of parts outside the quarantine
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S.*)")
_META: Final = re.compile(rb'<meta name="rollout-review" content="sha256:([0-9a-f]{64})">')
_FIRST: Final = re.compile(rb"# of review\.json sha256:([0-9a-f]{64})\n")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_SHORT: Final = 12  # digits of a digest that are shown


class _OfReview(msgspec.Struct):
    review: str = ""


class _Metadata(msgspec.Struct):
    rolloutlib: _OfReview = msgspec.field(default_factory=_OfReview)


class _Notebook(msgspec.Struct):
    """All that is read of a notebook of some hundred kilobytes here."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def parts_in(folder: Path) -> Iterator[str]:
    """Yield the names of a report's parts that are in a folder; other files are not ours."""
    for name in NAMES:
        if (folder / name).is_file():
            yield name
    for path in sorted((folder / QUARANTINE).glob("*")):
        name = f"{QUARANTINE}/{path.name}"
        if path.is_file() and (path.suffix == ".jsonl" or name == OF_REVIEW):
            yield name


def seal_of(parts: Mapping[str, bytes]) -> bytes:
    """Return the seal of a report's parts, by name."""
    digests = {name: sha256(data).hexdigest() for name, data in parts.items() if name != SEAL}
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def first_line(digest: str) -> str:
    """Return what params.yaml says of the review.json that it made."""
    return f"# of review.json sha256:{digest}\n"


def needed(schema: str, word: str) -> tuple[str, ...]:
    """Return the parts that the seal of a report has to list.

    Args:
        schema: of its record, whatever its version; an unknown one is held to be a review's.
        word: what it recommends.
    """
    kind = schema.partition("@")[0]
    if kind == "rolloutlib/watch":
        return (WATCH, WATCH_PAGE, WATCH_NOTEBOOK, PARAMS)
    if kind == "rolloutlib/comparison":
        return (REVIEW, PAGE)
    # Data that are no evidence: no notebook ran to its end.
    return (REVIEW, PAGE, PARAMS) if word == "INVALID" else WHOLE


def faults(parts: Mapping[str, bytes], must: Sequence[str] = WHOLE) -> list[Phrase]:
    """Say which parts of a sealed report disagree; nothing where all are of one review.

    Args:
        parts: every part that is there, by name, the seal among them.
        must: what the seal has to list (`needed`).
    """
    return [why for _, why in disagreeing(parts, must)]


def disagreeing(
    parts: Mapping[str, bytes], must: Sequence[str], hashed: Mapping[str, str] = _NONE
) -> Iterator[tuple[str, Phrase]]:
    """Yield each part that is not of the report that the seal lists, and what is wrong with it.

    Where nothing can be known by the seal, it is the seal that is named.

    Args:
        parts: what is there, by name, the seal among them.
        must: what the seal has to list; without review.json no part has to name one.
        hashed: sha256 of parts that are not among `parts`, by name.
    """
    listed, damage = _listed(parts.get(SEAL, b""))
    if damage:
        yield SEAL, phrase("{seal} {damage}", seal=SEAL, damage=damage)
        return
    yield from ((name if listed else SEAL, _unlisted(name)) for name in must if name not in listed)
    digests = {name: sha256(data).hexdigest() for name, data in parts.items() if name != SEAL}
    digests |= hashed
    yield from ((name, phrase("{name} is missing", name=name))
                for name in listed if name not in digests)  # fmt: skip
    review = listed.get(REVIEW, digests.get(REVIEW, "")) if REVIEW in must else None
    for name, digest in digests.items():
        if why := _wrong(name, parts.get(name, b""), (digest, listed.get(name)), review):
            yield name, why
    if any(name.endswith(".jsonl") for name in listed) and OF_REVIEW not in listed:
        yield OF_REVIEW, _unlisted(OF_REVIEW)


def _wrong(
    name: str, data: bytes, digests: tuple[str, str | None], review: str | None
) -> Phrase | None:
    """Say what is wrong with a part: its digest, the listed one, the review that it has to name."""
    digest, listed = digests
    named = None if review is None else _names_review(name, data)
    if named is not None and named != review:
        other = f"{named[:_SHORT]}…" if named else phrase("none")
        return phrase("{name} is of another review.json ({other}, not {review}…)",
                      name=name, other=other, review=(review or "")[:_SHORT])  # fmt: skip
    if listed is None:
        return phrase("{name} is not of this review: {seal} does not list it", name=name, seal=SEAL)
    if digest != listed:
        return phrase("{name} was changed after the review", name=name)
    return None


def _unlisted(name: str) -> Phrase:
    return phrase("{seal} does not list {name}", seal=SEAL, name=name)


def shown_by(page: bytes) -> str:
    """Return the digest of the review.json that a page says it shows; empty where it names none."""
    return _names_review(PAGE, page) or ""


def lists(seal: bytes, name: str, data: bytes) -> bool:
    """Whether a seal lists a part with these bytes; a damaged seal lists nothing."""
    listed, damage = _listed(seal)
    return not damage and listed.get(name) == sha256(data).hexdigest()


def _listed(seal: bytes) -> tuple[dict[str, str], Phrase | None]:
    """Return the digests that a seal lists, by name, and what is wrong with it."""
    listed: dict[str, str] = {}
    for line in seal.decode("utf-8", "replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            return listed, phrase("holds a line that is no digest and name")
        if match[2] in listed:
            return listed, phrase("lists {name} twice", name=match[2])
        listed[match[2]] = match[1]
    return listed, None


def _names_review(name: str, data: bytes) -> str | None:
    """Return the digest of review.json that a part carries: empty without, None if it need not."""
    if name == PAGE:
        match = _META.search(data.partition(b"</head>")[0])
        return match[1].decode() if match else ""
    if name == PARAMS:
        match = _FIRST.match(data)
        return match[1].decode() if match else ""
    if name == OF_REVIEW:
        return data.decode("utf-8", "replace").partition("  ")[0]
    return _notebook_names(data) if name == NOTEBOOK else None


def _notebook_names(data: bytes) -> str:
    try:
        return msgspec.json.decode(data, type=_Notebook).metadata.rolloutlib.review
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
