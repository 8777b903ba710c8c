"""Who acts on the ledger: who prepares a record, and the key that signs."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rolloutlib.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator

    from rolloutlib.ledger.workbook import Workbook

__all__ = ["git_email", "key_of", "prepared_by"]

AGENT = "agent"


def prepared_by(arguments: argparse.Namespace) -> str:
    """Return who prepares a record: --by, or git's user.email, as an address in small letters."""
    from rolloutlib.ledger.records import SIGNER

    who: str = arguments.by or git_email()
    if not who:
        raise UsageError(
            "who prepares this? git has no user.email here; name yourself with --by NAME"
        )
    if not SIGNER.fullmatch(who.lower()):
        raise UsageError("--by is {who!r}; expected an address such as ana_jung@ex.com", who=who)
    return who.lower()


def git_email() -> str:
    """Return git's user.email here; empty where it has none."""
    git = ["git", "config", "user.email"]
    answer = subprocess.run(git, capture_output=True, text=True, check=False)  # noqa: S603
    return answer.stdout.strip()


@contextmanager
def key_of(arguments: argparse.Namespace, book: Workbook) -> Generator[Path]:
    """Give the key file; `agent` is the signers' key whose private half the ssh agent holds."""
    from rolloutlib.ledger.signing import agent_key

    with TemporaryDirectory(prefix="rollout-") as folder:
        if arguments.key == AGENT:
            yield agent_key(book.signers, Path(folder))
        else:
            yield Path(arguments.key).expanduser()
