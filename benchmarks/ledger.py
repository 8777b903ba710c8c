"""Time the ledger: 1,000 records with three signatures each, verified in full and since a head.

    python -m benchmarks.ledger [RECORDS]

Goals: in full ≤ 25 s on two cores, since the last head ≤ 1 s, both for 1,000 records. The ledger is
written directly (an append reads all records before it, as it must; nobody waits for a thousand of
them in a row), then one append and one signature are timed at its end.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rolloutlib.ledger.book import Slot, append, sign_record, write_cards
from rolloutlib.ledger.documents import digest_of, encode, instant
from rolloutlib.ledger.records import Digests, Head, Record, Subject
from rolloutlib.ledger.signing import sign
from rolloutlib.ledger.verification import verify_ledger
from rolloutlib.ledger.workbook import Workbook
from tests.ledger.workbooks import PEOPLE, SIGNERS, START, Quick, keys, promotion, workbook

if TYPE_CHECKING:
    from collections.abc import Sequence

MEANINGS = {"pm": "responsibility", "qa": "review", "owner": "approval"}
EVIDENCE = b'{"recommendation":"GO"}\n'


def main(argv: Sequence[str]) -> None:
    """Make a ledger, time it, print."""
    count = int(argv[0]) if argv else 1000
    with TemporaryDirectory() as folder:
        book = Workbook(workbook(Path(folder) / "w"), Quick())
        print(f"writing {count} records × {len(SIGNERS)} signatures …", flush=True)
        _write(book, count)
        write_cards(book)
        now = START + timedelta(days=count + 1)
        started = time.perf_counter()
        verification = verify_ledger(book, now=now)
        full = time.perf_counter() - started
        last = verification.heads[0].sha256
        started = time.perf_counter()
        again = verify_ledger(book, now=now, since=last)
        since = time.perf_counter() - started
        started = time.perf_counter()
        node = append(book, "promotion", lambda slot: promotion(slot, "HOLD"), {}, now=now)
        appended = time.perf_counter() - started
        started = time.perf_counter()
        sign_record(book, node.id, role="pm", key=keys() / "pm_kim", who=None, now=now)
        signed = time.perf_counter() - started
        findings = f"{len(verification.findings)} + {len(again.findings)} findings"
        print(f"{len(verification.lines)} records, {findings}")
        print(f"verify in full        {full:7.2f} s  (goal 25 s)")
        print(f"verify since the head {since:7.2f} s  (goal 1 s)")
        print(f"one more record       {appended:7.2f} s\none more signature    {signed:7.2f} s")


def _write(book: Workbook, count: int) -> None:
    prev: tuple[Head, ...] = ()
    witnesses: dict[str, dict[str, str]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number in range(count):
            at = START + timedelta(days=number)
            name = f"dec-{at:%Y%m%d}-001"
            slot = Slot(
                name,
                number + 1,
                prev,
                instant(at),
                "test",
                book.trust,
                witnesses,
                prev[0] if prev else None,
            )
            subject = Subject(f"{name}/review.json", Digests(digest_of(EVIDENCE)))
            data = encode(Record((subject,), promotion(slot)))
            (book.folder / name).mkdir()
            (book.folder / name / "review.json").write_bytes(EVIDENCE)
            (book.folder / f"{name}.record").write_bytes(data)
            prev = (Head(name, digest_of(data)),)
            jobs = [pool.submit(_sign, book.folder, prev[0], who, slot.at) for who in SIGNERS]
            witnesses = {
                name: {
                    f"{who}@ex.com": job.result() for who, job in zip(SIGNERS, jobs, strict=True)
                }
            }


def _sign(folder: Path, head: Head, who: str, at: str) -> str:
    name, role = PEOPLE[who]
    values = {
        "decision": "GO",
        "meaning": MEANINGS[role],
        "name": name,
        "record": head,
        "role": role,
        "schema": "rolloutlib/signoff@1",
        "seenHead": [head],
        "signedAt": at,
        "signer": f"{who}@ex.com",
    }
    data = encode(values)
    signature = sign(data, keys() / who)
    (folder / f"{head.id}.{who}@ex.com.signoff").write_bytes(data)
    (folder / f"{head.id}.{who}@ex.com.signoff.sig").write_bytes(signature)
    return digest_of(data + signature)


if __name__ == "__main__":
    main(sys.argv[1:])
