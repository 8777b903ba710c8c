"""Can a change of keys be signed, and can everybody tell? Asked before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolloutlib.errors import UsageError
from rolloutlib.files import bounded_bytes
from rolloutlib.ledger.admission import BEFORE, beginnings, key_roles, trust_before
from rolloutlib.ledger.signers import MOST_BYTES, ROLES_FILE, SIGNERS_FILE

if TYPE_CHECKING:
    from collections.abc import Collection

    from rolloutlib.ledger.chain import Node
    from rolloutlib.ledger.judge import Judge


def refuse_unsignable(judge: Judge, node: Node, lost: Collection[str]) -> None:
    """Refuse a change of keys that nobody could ever sign, so that everybody would be locked out.

    Args:
        judge: of the ledger that the change is to be appended to.
        node: the change, examined.
        lost: the keys that the whole command takes away.
    """
    if judge.founds(node):
        return
    trust, by = trust_before(judge.ledger, node), node.predicate.prepared.by
    change = node.predicate.change
    out = {*judge.book.signers.revoked, *lost, change.key if change else ""}
    usable = [
        line.who
        for line in judge.book.signers.keys
        if line.key not in out
        and line.valid(judge.now)
        and judge.admissions.admits(trust, line.who, line.key) is not False
    ]
    for role in key_roles(trust):
        able = {who for who in usable if who in trust.people and role in trust.people[who].roles}
        if able == {by}:
            raise UsageError(
                "{file}: only {who} can sign this as {role}, and who prepares a change of keys "
                "cannot approve it: name who else prepares it with --by NAME@HOST; nothing was "
                "written", file=ROLES_FILE, who=by, role=role,
            )  # fmt: skip
        if not able:
            raise UsageError(
                "nobody could sign this change of keys as {role}: that takes a key from before it "
                "that stays valid and is not the one it is about. First let another {role}, or "
                "another key of theirs, be admitted and that change be signed: `rollout keys add "
                "NAME@HOST --key FILE.pub`, or undo the edit (`git restore params`); nothing was "
                "written", role=role,
            )  # fmt: skip


def what_stood_before(judge: Judge, node: Node, after: bytes | None) -> dict[str, bytes]:
    """Return the allowed_signers of before as a file beside a change that does not continue it.

    Args:
        judge: of the ledger that the change is to be appended to.
        node: the change, examined.
        after: the file as the change leaves it; None where it is as it lies there.
    """
    digest = trust_before(judge.ledger, node).allowed_signers
    if after is None:
        path = judge.book.root / SIGNERS_FILE
        after = bounded_bytes(path, MOST_BYTES) if path.is_file() else b""
    before = judge.admissions.text(digest)
    if before is None or any(digest == of for of, _ in beginnings(after)):
        return {}
    return {BEFORE: before}
