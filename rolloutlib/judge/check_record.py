"""What a review keeps of its checks and of rows that were refused, as it is written."""

from __future__ import annotations

from datetime import datetime

import msgspec

from rolloutlib.reason import Reason

__all__ = ["CheckResult", "QuarantineGroup"]


class CheckResult(msgspec.Struct, frozen=True):
    """One Go/No-Go check.

    Attributes:
        holds: by the evidence; None while there is none (the check is open).
        evidence: file names relative to the evidence folder, documents' to the workbook where they
            lie there; `sha256` of their bytes likewise.
        at: the time that the oldest of the evidence tells; None where none tells one.
        simulated: the evidence says that it is not from real work.
    """

    id: str
    title: str
    holds: bool | None
    why: Reason
    evidence: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()
    at: datetime | None = None
    simulated: bool = False


class QuarantineGroup(msgspec.Struct, frozen=True):
    """Rows that are no evidence, by what was expected of them; `example` names one of them.

    Both are English; `due` and `shown` are the same to be said in any language.
    """

    expectation: str
    rows: int
    example: str
    due: Reason | None = None
    shown: Reason | None = None
