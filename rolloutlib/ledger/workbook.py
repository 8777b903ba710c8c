"""A workbook: its ledger, and the files under params/ that decide whose signatures count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.ledger.chain import Ledger, read_ledger
from rolloutlib.ledger.durable import Files
from rolloutlib.ledger.signers import lint, load_roles, load_signers, trust
from rolloutlib.plan.model import load_plan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rolloutlib.ledger.records import Decision

FOLDER: Final = "docs/LEDGER"


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
        self.roles, self.signers = load_roles(root), load_signers(root)
        self.trust = trust(root, self.plan, self.roles)

    def read(self) -> Ledger:
        """Read the ledger and check its chain."""
        return read_ledger(self.folder, self.roles.ledger)

    def problems(self, verdicts: Iterable[Decision]) -> tuple[str, ...]:
        """Return what the lint of roles and keys finds, where these verdicts are to be signed."""
        known, asked = self.trust.thresholds, {*verdicts, "KEYS"}
        return lint(self.roles, self.signers, [known[v] for v in known if v in asked])
