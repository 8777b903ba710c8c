"""Workbooks with a ledger for tests.

Real keys made by ssh-keygen, records as `decide` makes them.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from rolloutlib.ledger.book import Slot, append, sign_record
from rolloutlib.ledger.durable import Files
from rolloutlib.ledger.record_parts import CheckState, GateState, Waiver
from rolloutlib.ledger.records import Decision, Head, Move, Predicate, Role, WayBack
from rolloutlib.ledger.signers import NAMESPACE
from rolloutlib.ledger.workbook import Workbook

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 11, 22, 9, tzinfo=UTC)
PEOPLE: dict[str, tuple[str, Role]] = {
    "pm_kim": ("Kim Min-ji", "pm"),
    "qa_lee": ("Lee Jun", "qa"),
    "owner_park": ("Park Seo", "owner"),
    "eng_choi": ("Choi Ha", "engine"),
}
PREPARER = "ana_jung@ex.com"
SIGNERS = ("pm_kim", "qa_lee", "owner_park")


class Quick(Files):
    """Files without fsync: tests that end no process and cut no power wait for no disk."""

    def sync(self, handle: int) -> None:
        """Do not wait."""


def at(hours: float) -> datetime:
    """Return a moment so many hours after the ledger's first record."""
    return START + timedelta(hours=hours)


@cache
def keys() -> Path:
    """Return a folder with one ed25519 key a person, and a stranger's."""
    folder = Path(mkdtemp(prefix="rollout-keys-"))
    for who in (*PEOPLE, "stranger", "leaver"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", str(folder / who)],
            check=True,
        )
    return folder


def public(who: str) -> str:
    """Return type and base64 of a person's public key."""
    return " ".join((keys() / f"{who}.pub").read_text().split()[:2])


def workbook(folder: Path, people: dict[str, tuple[str, str]] | None = None) -> Path:
    """Make a workbook: the plan, roles and keys of four people, an empty ledger."""
    (folder / "params").mkdir(parents=True)
    (folder / "docs" / "LEDGER").mkdir(parents=True)
    shutil.copy(ROOT / "params" / "plan.yaml", folder / "params" / "plan.yaml")
    named = PEOPLE if people is None else people
    roles = "".join(
        f"\n  {who}@ex.com: {{name: {name}, roles: [{role}]}}"
        for who, (name, role) in named.items()
    )
    (folder / "params" / "roles.yaml").write_text(
        f"schema: rolloutlib/roles@1\nledger: test\npeople:{roles or ' {}'}\n"
    )
    lines = "".join(
        f'{who}@ex.com namespaces="{NAMESPACE}",valid-after="20260101000000Z" {public(who)}\n'
        for who in named
    )
    (folder / "params" / "allowed_signers").write_text(lines)
    return folder


GATE = GateState(
    id="pass_rate", title="Pass rate", unit="proportion", evidence_unit="proportion", signed=True,
    limit="-0.02", proof_limit="-0.03", plan="pass", value="0.01", evidence="pass", point="0.01",
    lower="-0.005", upper="0.02", n_control=300, n_treatment=300, clusters=60,
)  # fmt: skip
CHECK = CheckState(
    id="release_notes", title="Release notes are ready", holds=True, why="ok", evidence=()
)


def promotion(
    slot: Slot,
    verdict: Decision = "GO",
    *,
    by: str = PREPARER,
    note: str = "",
    waivers: tuple[Waiver, ...] = (),
) -> Predicate:
    """Return a promotion's predicate for a slot."""
    return slot.draft(
        "promotion", verdict, by, note=note, stage=Move(2, 3), cohort="everyone",
        recommendation=verdict, gates=(GATE,), checks=(CHECK,), waivers=waivers,
    )  # fmt: skip


def rollback(slot: Slot, of: Head) -> Predicate:
    """Return a rollback's predicate for a slot."""
    way = WayBack(
        of,
        "p95 latency, 09:10, engine",
        "search summaries",
        ("feature.searchLite=false",),
        of.id,
        "40 users",
    )
    return slot.draft("rollback", "ROLLBACK", PREPARER, rollback=way)


def decided(
    root: Path,
    *,
    hours: float = 0,
    verdict: Decision = "GO",
    note: str = "",
    signers: tuple[str, ...] = SIGNERS,
    files: Files | None = None,
) -> str:
    """Append a promotion and let people sign it; return its id."""
    at = START + timedelta(hours=hours)
    evidence = {"review.json": b'{"recommendation":"GO"}\n', "evidence/incidents.jsonl": b"\n"}
    book = Workbook(root, files or Quick())
    node = append(
        book, "promotion", lambda slot: promotion(slot, verdict, note=note), evidence, now=at
    )
    for n, who in enumerate(signers, 1):
        signed(book, node.id, who, hours=hours + n / 60)
    return node.id


def signed(
    root: Path | Workbook,
    name: str,
    who: str,
    *,
    hours: float,
    role: str | None = None,
    decision: Decision | None = None,
) -> None:
    """Sign as a person of `PEOPLE`."""
    at = START + timedelta(hours=hours)
    book = root if isinstance(root, Workbook) else Workbook(root, Quick())
    sign_record(
        book,
        name,
        role=role or PEOPLE[who][1],
        key=keys() / who,
        who=None,
        now=at,
        decision=decision,
    )
