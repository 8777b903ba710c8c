"""`rollout decide | sign | verify | ledger | keys | replay | export`: the ledger at the command line."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rolloutlib.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator

    from rolloutlib.ledger.workbook import Workbook

__all__ = ["add"]

ROLES = ("pm", "qa", "owner", "engine")
DECISIONS = ("GO", "HOLD", "NO_GO")
AGENT = "agent"


def add(commands: Any) -> None:
    """Add the ledger's commands to the parser's sub-commands."""
    _add_decide(commands)
    _add_sign(commands)
    verify = _command(
        commands,
        "verify",
        _verify,
        "check the ledger: bytes, chain, evidence, cards, signatures, roles, keys",
        """\
One line a record says that it holds, or what is wrong with it. Exit code 0 only when all holds.""",
    )
    verify.add_argument("record", metavar="DEC", nargs="?", help="show this record only")
    verify.add_argument(
        "--head", metavar="SHA256", help="a head that a report printed: it must still be there"
    )
    verify.add_argument(
        "--since",
        metavar="SHA256",
        help="a head at which all was verified: its signatures are not asked about again",
    )
    ledger = _command(
        commands,
        "ledger",
        _ledger,
        "list records, missing signatures, the head, and the green record",
    )
    ledger.add_argument(
        "--cards",
        action="store_true",
        help="draw every card again that is not what its record says",
    )
    _add_keys(commands)
    replay = _command(
        commands,
        "replay",
        _replay,
        "run a decision's review again from its pins and compare",
        """\
E0 same results, E1 equal within rounding, E2 numbers differ, E3 a verdict differs. Exit code 0 for E0 and E1 with all
pins of the data in place.""",
    )
    replay.add_argument("record", metavar="DEC")
    export = _command(
        commands, "export", _export, "print a record in an envelope for supply-chain tools"
    )
    export.add_argument("record", metavar="DEC")
    export.add_argument(
        "--dsse",
        action="store_true",
        required=True,
        help="DSSE: the record as payload, signed by you",
    )
    _add_key(export)


def _add_decide(commands: Any) -> None:
    decide = _command(
        commands,
        "decide",
        _decide,
        "draft the record and card of a meeting's decision",
        """\
Pins data, parameters, code, environment, results and the executed notebook under docs/LEDGER/. GO is refused while a
gate or check does not hold and is not waived; a verdict against the recommendation needs a waiver.""",
    )
    decide.add_argument(
        "review", metavar="REVIEW_DIR", type=Path, help="folder that `rollout review --out` wrote"
    )
    decide.add_argument("--verdict", choices=DECISIONS, required=True)
    decide.add_argument(
        "--waive",
        metavar="GATE",
        action="append",
        default=[],
        help="gate, check, `code` or `recommendation`",
    )
    decide.add_argument(
        "--reason", metavar="TEXT", action="append", default=[], help="why; one for each --waive"
    )
    decide.add_argument("--note", metavar="TEXT", default="", help="free text for the card")
    _add_by(decide)


def _add_sign(commands: Any) -> None:
    sign = _command(commands, "sign", _sign, "sign a record in a role")
    sign.add_argument("record", metavar="DEC")
    sign.add_argument("--as", dest="role", choices=ROLES, required=True)
    sign.add_argument(
        "--decision", choices=DECISIONS, help="default: the record's verdict; another one dissents"
    )
    sign.add_argument(
        "--meaning",
        choices=("review", "approval", "responsibility"),
        help="default: qa review, owner approval",
    )
    sign.add_argument(
        "--by", metavar="NAME", help="your address in allowed_signers (default: whose key it is)"
    )
    _add_key(sign)


def _add_keys(commands: Any) -> None:
    keys = commands.add_parser("keys", help="admit or revoke a signer's key", allow_abbrev=False)
    actions = keys.add_subparsers(title="actions", required=True, metavar="ACTION")
    add = _command(
        actions,
        "add",
        _keys_add,
        "admit a public key, and the person if new; an owner signs the record",
    )
    add.add_argument("who", metavar="NAME", help="the signer's address, such as pm_kim@ex.com")
    add.add_argument("--name", metavar="TEXT", help="printed name of a new person")
    add.add_argument(
        "--role", choices=ROLES, action="append", default=[], help="role of a new person"
    )
    add.add_argument("--key", metavar="FILE", type=Path, required=True, help="the public key")
    revoke = _command(
        actions,
        "revoke",
        _keys_revoke,
        "revoke a person's keys; signatures seen so far keep counting",
    )
    revoke.add_argument("who", metavar="NAME")
    accept = _command(
        actions, "accept", _keys_accept, "record hand edits of roles, keys or thresholds"
    )
    for action in (add, revoke, accept):
        _add_by(action)


def _command(
    commands: Any,
    name: str,
    call: Callable[[argparse.Namespace], int],
    help_: str,
    description: str = "",
) -> Any:
    parser = commands.add_parser(
        name,
        help=help_,
        description=description or f"{help_[0].upper()}{help_[1:]}.",
        allow_abbrev=False,
    )
    parser.set_defaults(call=call)
    return parser


def _add_by(parser: Any) -> None:
    parser.add_argument(
        "--by", metavar="NAME", help="who prepares the record (default: git's user.email)"
    )


def _add_key(parser: Any) -> None:
    default = "~/.ssh/id_ed25519"
    parser.add_argument(
        "--key",
        metavar="FILE",
        default=default,
        help=f"private key, or a public one whose private half the ssh agent holds, or `{AGENT}` (default: {default})",
    )


# --- handlers -------------------------------------------------------------------------------------------------------


def _decide(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.decide import decide
    from rolloutlib.ledger.records import Waiver

    if len(arguments.waive) != len(arguments.reason):
        raise UsageError(
            f"{len(arguments.waive)} --waive and {len(arguments.reason)} --reason; each waiver needs its own reason"
        )
    waivers = [
        Waiver(gate, reason) for gate, reason in zip(arguments.waive, arguments.reason, strict=True)
    ]
    book = _book()
    node = decide(
        book,
        arguments.review.resolve(),
        verdict=arguments.verdict,
        by=_by(arguments),
        now=_now(),
        waivers=waivers,
        note=arguments.note,
    )
    print(f"{node.id}: {node.record.predicate.verdict} drafted (sha256 {node.digest})")
    print(f"card: docs/LEDGER/{node.id}.md")
    return _print_missing(book, node.id)


def _sign(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.book import sign_record

    book = _book()
    with _key(arguments, book) as key:
        signoff = sign_record(
            book,
            arguments.record,
            role=arguments.role,
            key=key,
            who=arguments.by,
            now=_now(),
            decision=arguments.decision,
            meaning=arguments.meaning,
        )
    print(
        f"{arguments.record}: {signoff.signer} signed {signoff.decision} as {signoff.role} ({signoff.meaning})"
    )
    return _print_missing(book, arguments.record)


def _print_missing(book: Workbook, name: str) -> int:
    from rolloutlib.ledger.verification import sign_off_status

    for state in sign_off_status(book, name, now=_now()):
        print(
            f"  {state.role}: {f'signed by {state.signer}' if state.signer else f'missing: {state.command}'}"
        )
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from rolloutlib.flags.promotion import flag_finding
    from rolloutlib.ledger.verification import verify_ledger
    from rolloutlib.plan.model import load_plan

    book = _book()
    found = verify_ledger(book, now=_now(), head=arguments.head, since=arguments.since)
    if arguments.record:
        book.read().find(arguments.record)
    moved = flag_finding(load_plan(book.root / "params" / "plan.yaml"), book.read(), book.root)
    strays = (*found.strays, *filter(None, [moved]))
    lines = [line for line in found.lines if arguments.record in {None, line.node.id}]
    for finding in strays:
        print(f"{finding.where}  WRONG  {finding.sentence}")
    for line in lines:
        print(line)
    return 0 if not strays and all(line.ok for line in lines) else 1


def _ledger(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.book import write_cards
    from rolloutlib.ledger.verification import verify_ledger

    book = _book()
    if arguments.cards:
        print(f"cards drawn again: {', '.join(write_cards(book)) or 'none'}")
    found = verify_ledger(book, now=_now())
    for line in found.lines:
        p = line.node.record.predicate
        wrong = [finding for finding in line.findings if finding.code != "unsigned"]
        missing = (
            f"missing: {', '.join((*line.missing, *line.pending))}"
            if line.missing or line.pending
            else "signed"
        )
        print(
            f"{p.id}  {p.verdict:8}  {p.prepared.at}  {missing}{'  WRONG: rollout verify ' + p.id if wrong else ''}"
        )
    print(
        f"head:  {' + '.join(f'{head.id} {head.sha256}' for head in found.heads) or 'none: the ledger is empty'}"
    )
    print(f"green: {found.green.id if found.green else 'none'}")
    return 0


def _keys_add(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.keys import add_key

    made = add_key(
        _book(),
        arguments.who,
        name=arguments.name,
        roles=arguments.role,
        key=arguments.key,
        by=_by(arguments),
        now=_now(),
    )
    return _print_keys(f"{arguments.who} admitted", made.id if made else None)


def _keys_revoke(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.keys import revoke_key

    made = revoke_key(_book(), arguments.who, by=_by(arguments), now=_now())
    return _print_keys(f"{arguments.who} revoked", made.id if made else None)


def _keys_accept(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.keys import accept

    made = accept(_book(), by=_by(arguments), now=_now())
    return _print_keys("roles, keys and thresholds recorded", made.id if made else None)


def _print_keys(done: str, name: str | None) -> int:
    print(
        done,
        f"as {name}"
        if name
        else "(the ledger is empty: its first record will pin the files under params/)",
    )
    return _print_missing(_book(), name) if name else 0


def _replay(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.replay import replay

    book = _book()
    found = replay(book, book.read().find(arguments.record))
    print(found)
    return 0 if found.ok else 1


def _export(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.dsse import envelope

    book = _book()
    with _key(arguments, book) as key:
        sys.stdout.write(envelope(book, arguments.record, key=key, now=_now()))
    return 0


# --- what commands share --------------------------------------------------------------------------------------------


def _book() -> Workbook:
    from rolloutlib.ledger.workbook import Workbook
    from rolloutlib.plan.model import workbook_root

    return Workbook(workbook_root())


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _by(arguments: argparse.Namespace) -> str:
    from rolloutlib.ledger.records import SIGNER

    git = ["git", "config", "user.email"]
    said = (
        arguments.by
        or subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    )
    if not said:
        raise UsageError(
            "who prepares this? git has no user.email here; name yourself with --by NAME"
        )
    if not SIGNER.fullmatch(said.lower()):
        raise UsageError(f"--by is {said!r}; expected an address such as ana_jung@ex.com")
    return said.lower()


@contextmanager
def _key(arguments: argparse.Namespace, book: Workbook) -> Generator[Path]:
    """Give the key file; `agent` is the key of allowed_signers whose private half the ssh agent holds."""
    from rolloutlib.ledger.signing import agent_key

    with TemporaryDirectory(prefix="rollout-") as folder:
        yield (
            agent_key(book.signers, Path(folder))
            if arguments.key == AGENT
            else Path(arguments.key).expanduser()
        )
