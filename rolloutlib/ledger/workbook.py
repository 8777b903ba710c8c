"""A workbook: its ledger, and the files under params/ that decide whose signatures count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.chain import Ledger, read_ledger
from rolloutlib.ledger.durable import Files
from rolloutlib.ledger.signers import alone, lint, load_roles, load_signers, trust
from rolloutlib.plan.model import load_plan

if TYPE_CHECKING:
    from pathlib import Path

    from rolloutlib.ledger.records import Decision, Role
    from rolloutlib.phrase import Phrase

FOLDER: Final = "docs/LEDGER"


def unreadable(root: Path) -> str:
    """Return the first file under params/ that keeps a workbook from being read; "" for none."""
    readers = {"plan.yaml": lambda: load_plan(root / "params" / "plan.yaml"),
               "roles.yaml": lambda: load_roles(root),
               "allowed_signers": lambda: load_signers(root)}  # fmt: skip
    for name, read in readers.items():
        try:
            read()
        except Exception:  # noqa: BLE001 -- whatever is wrong with it
            return f"params/{name}"
    return ""


class Workbook:
    """A workbook's ledger with its roles, keys and thresholds.

    Args:
        root: the workbook's root.
        files: the calls into the operating system.
    """

    def __init__(self, root: Path, files: Files | None = None) -> None:
        """Read params/; every error names file and key."""
        self.root, self.folder, self.files = root, root / FOLDER, files or Files()
        self.plan = load_plan(root / "params" / "plan.yaml")
        self.reload()

    def reload(self) -> None:
        """Read roles and keys again: under the ledger's lock they are those of this moment."""
        self.roles, self.signers = load_roles(self.root), load_signers(self.root)
        self.trust = trust(self.root, self.plan, self.roles)

    def read(self) -> Ledger:
        """Read the ledger and check its chain."""
        return read_ledger(self.folder, self.roles.ledger)

    def problems(self, verdict: Decision, by: str) -> tuple[Phrase, ...]:
        """Return why a verdict that somebody prepares could not be signed, or not safely.

        Args:
            verdict: what the record says.
            by: who prepares it, and so cannot approve it.
        """
        thresholds = self.trust.thresholds
        needed = thresholds[verdict]
        problems = lint(self.roles, self.signers, [needed, thresholds["KEYS"]])
        # As the judge of signatures: whoever signs a GO approves it, an owner any verdict.
        approving: list[Role] = [r for r in needed.all if verdict == "GO" or r == "owner"]
        return (*problems, *alone(self.roles, by, approving))
