"""`rollout decide | sign | verify | ledger | replay`: the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.acting import key_of, prepared_by
from rolloutlib.commands.options import command, complain, now, option, say, say_lines
from rolloutlib.commands.worded import worded
from rolloutlib.errors import UsageError
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from rolloutlib.ledger.chain import Node
    from rolloutlib.ledger.findings import Finding
    from rolloutlib.ledger.lines import State
    from rolloutlib.ledger.workbook import Workbook

ROLES = ("pm", "qa", "owner", "engine")
DECISIONS = ("GO", "HOLD", "NO_GO")
MEANINGS = ("review", "approval", "responsibility")
DECIDE = """\
Pins data, parameters, code, environment, results and the executed notebook under docs/LEDGER/.
GO is refused while a gate or check does not hold and is not waived; a verdict against the
recommendation needs a waiver."""
VERIFY = """\
One line a record says that it holds (ok), what it waits for (waits), what is overdue (LATE) or what
is wrong with it (WRONG). Exit code 0: all holds; 10: all holds, and something waits: a signature,
or a rollback that is recorded beside the ledger; 1: something is WRONG or LATE."""
LEDGER = """\
Exit codes as of `rollout verify`; the flags in force are not looked at."""
NONE = phrase("none")
CODES = {"WRONG": 1, "LATE": 1, "waits": 10, "ok": 0}  # exit codes by state, the worst first
REPLAY = """\
E0 same results, E1 equal within rounding, E2 numbers differ, E3 a verdict differs. Exit code 0 for
E0 and E1 with all pins of the data in place."""
RECORD = option("record DEC")
BY = option("--by NAME", "who prepares the record (default: git's user.email)")
KEY = option(
    "--key FILE",
    "private key, or a public one whose private half the ssh agent holds, or `agent`",
    default="~/.ssh/id_ed25519",
)


def add(commands: Any) -> None:
    """Add the ledger's commands to the parser's sub-commands."""
    _add_decisions(commands)
    _add_checks(commands)


def _add_decisions(commands: Any) -> None:
    command(
        commands, "decide", _decide, "draft the record and card of a meeting's decision",
        option("review REVIEW_DIR", "folder that `rollout review --out` wrote", type=Path),
        option("--verdict", choices=DECISIONS, required=True),
        option("--waive GATE", "gate, check, `code`/`recommendation`", action="append", default=[]),
        option("--reason TEXT", "why; one for each --waive", action="append", default=[]),
        option("--note TEXT", "free text for the card", default=""),
        option("--lang", "language of the card (default: the report's)", choices=("en", "ko")),
        BY, description=DECIDE,
    )  # fmt: skip
    command(
        commands, "sign", _sign, "sign a record in a role", RECORD,
        option("--as", dest="role", choices=ROLES, required=True),
        option("--decision", "default: the record's verdict; another dissents", choices=DECISIONS),
        option("--meaning", "default: qa review, owner approval", choices=MEANINGS),
        option("--by NAME", "your address in allowed_signers (default: whose key it is)"), KEY,
    )  # fmt: skip


def _add_checks(commands: Any) -> None:
    command(
        commands, "verify", _verify,
        "check the ledger: bytes, chain, evidence, cards, signatures, roles, keys",
        option("record DEC", "show this record only", nargs="?"),
        option("--head SHA256", "a head that a report printed: it must still be there"),
        option("--since SHA256", "a head at which all was verified: asks about later signatures"),
        description=VERIFY,
    )  # fmt: skip
    again = "draw every card again that is not what its record says"
    joins = (
        "append the rollbacks that are recorded beside the ledger, even where it lost what they "
        "stand on (every command that appends joins the others by itself)"
    )
    command(
        commands, "ledger", _ledger,
        "list records, missing signatures, the head, and the green record",
        option("--cards", again, action="store_true"),
        option("--join", joins, action="store_true"), description=LEDGER,
    )  # fmt: skip
    command(
        commands, "replay", _replay, "run a decision's review again from its pins and compare",
        RECORD, description=REPLAY,
    )  # fmt: skip


# --- what the commands do -------------------------------------------------------------------------


def _decide(arguments: argparse.Namespace) -> int:
    from rolloutlib.commands.telling import tell_decision
    from rolloutlib.flags.promotion import refuse_unrecorded
    from rolloutlib.ledger.book import settle
    from rolloutlib.ledger.decide import decide
    from rolloutlib.ledger.findings import listed
    from rolloutlib.ledger.record_parts import Waiver

    gates, reasons = arguments.waive, arguments.reason
    if len(gates) != len(reasons):
        raise UsageError(
            "{gates} --waive and {reasons} --reason; each waiver needs its own reason",
            gates=len(gates), reasons=len(reasons),
        )  # fmt: skip
    book = book_here()
    settle(book, now())
    folder, by = arguments.review.resolve(), prepared_by(arguments)
    # Of a folder that is not there, roles that nobody has yet are not the news.
    if folder.exists() and (problems := book.problems(arguments.verdict, by)):
        complain("nobody could sign safely:{lines}", lines=listed(problems))
        return 1
    if arguments.verdict == "GO":
        refuse_unrecorded(book.plan, book.read(), book.root)
    node = decide(
        book, folder, verdict=arguments.verdict, by=by, now=now(),
        waivers=[*map(Waiver, gates, reasons)], note=arguments.note, lang=arguments.lang,
    )  # fmt: skip
    say("{record}: {verdict} drafted (sha256 {sha256})",
        record=node.id, verdict=node.predicate.verdict, sha256=node.digest)  # fmt: skip
    say("card: {path}", path=f"docs/LEDGER/{node.id}.md")
    _say_accepted(book, node)
    code = say_missing(book, node.id)
    _link(book, node, (arguments.review / "review.json").resolve())
    tell_decision(node, book.root)
    return code


def _sign(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.book import sign_record
    from rolloutlib.ledger.cards import MEANINGS as WORDED

    book, name = book_here(), arguments.record
    _say_accepted(book, book.read().find(name))
    with key_of(arguments, book) as key:
        signoff = sign_record(
            book, name, role=arguments.role, key=key, who=arguments.by, now=now(),
            decision=arguments.decision, meaning=arguments.meaning,
        )  # fmt: skip
    say(
        "{record}: {who} signed {decision} as {role} ({meaning})", record=name, who=signoff.signer,
        decision=signoff.decision, role=signoff.role, meaning=WORDED[signoff.meaning],
    )  # fmt: skip
    missing = say_missing(book, name)
    _refresh(book, book.read().find(name).predicate.lang)
    return missing


def _link(book: Workbook, node: Node, review: Path) -> None:
    """Link a decision in the run log of its review and in the overview; what fails is said."""
    from rolloutlib.errors import RolloutError
    from rolloutlib.ledger.run_log import link_decision

    try:
        link_decision(book.root, review.read_bytes(), node.id)
    except (OSError, RolloutError) as error:
        complain("{record} stands, but is not linked in the review's run log: {error}",
                 record=node.id, error=error)  # fmt: skip
    _refresh(book, node.predicate.lang)


def _refresh(book: Workbook, lang: str) -> None:
    from rolloutlib.commands.history import renew_if_there
    from rolloutlib.flags.overview import refresh_overview

    if (why := refresh_overview(book.root, lang)) is not None:
        complain(why)
    renew_if_there(book.root)


def _say_accepted(book: Workbook, node: Node) -> None:
    """Say what a signature on this record accepts: before it is made."""
    from rolloutlib.ledger.deviations import accepted
    from rolloutlib.ledger.left_out import left_out_of_record
    from rolloutlib.words.reasons import sentence

    if book.plan.evidence.carries != "none":
        for why in left_out_of_record(node, book.read()):
            say("  warning: {why}", why=sentence(why))

    for why in accepted(node.predicate):
        say("  accepted deviation: {why}", why=sentence(why))


def say_missing(book: Workbook, name: str) -> int:
    """Say which signatures a record has and needs; return the exit code, 0."""
    from rolloutlib.ledger.verification import sign_off_status

    for state in sign_off_status(book, name, now=now()):
        if state.signer:
            say("  {role}: signed by {who}", role=state.role, who=state.signer)
        else:
            say("  {role}: missing: {command}", role=state.role, command=state.command)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from rolloutlib.flags.promotion import flag_finding, standing_finding
    from rolloutlib.ledger.lines import state_of
    from rolloutlib.ledger.verification import self_admitted, verify_ledger

    book = _book_or_beside()
    verified = verify_ledger(book, now=now(), head=arguments.head, since=arguments.since)
    if arguments.record:
        verified.ledger.find(arguments.record)
    flags = (
        flag_finding(book.plan, verified.ledger, book.root),
        standing_finding(verified, book.root),
    )
    strays = (*verified.strays, *filter(None, flags))
    lines = [line for line in verified.lines if arguments.record in {None, line.node.id}]
    _say_strays(strays)
    remarks = self_admitted(book, verified, now())
    for line in lines:
        say(str(line))
        if line.node.id in remarks:
            say("  remark: {what}", what=remarks[line.node.id])
    return _worst([state_of(strays), *(line.state for line in lines)])


def _worst(states: Sequence[State]) -> int:
    """Return the exit code of the worst state."""
    return next(code for state, code in CODES.items() if state in states)


def _say_strays(strays: Iterable[Finding]) -> None:
    from rolloutlib.ledger.lines import state_of

    for finding in strays:
        say("{head}  {finding}", head=f"{finding.where}  {state_of([finding]):5}", finding=finding)


def _ledger(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.book import join, write_cards
    from rolloutlib.ledger.lines import state_of
    from rolloutlib.ledger.verification import verify_ledger

    book = _book_or_beside()
    if arguments.join:
        joined = ", ".join(join(book, now=now(), forced=True))
        say("joined: {records}", records=joined or phrase("nothing waits"))
    if arguments.cards:
        say("cards drawn again: {records}", records=", ".join(write_cards(book)) or NONE)
    verified = verify_ledger(book, now=now())
    _say_strays(verified.strays)
    for line in verified.lines:
        p, missing = line.node.predicate, ", ".join((*line.missing, *line.pending))
        state = worded("missing: {roles}", roles=missing) if missing else worded("signed")
        if line.state in {"LATE", "WRONG"}:
            state += f"  {line.state}: rollout verify {p.id}"
        say(f"{p.id}  {p.verdict:8}  {p.prepared.at}  {state}")
    heads = " + ".join(f"{head.id} {head.sha256}" for head in verified.heads)
    say("head:  {heads}", heads=heads or phrase("none: the ledger is empty"))
    say("green: {record}", record=verified.green.id if verified.green else NONE)
    return _worst([state_of(verified.strays), *(line.state for line in verified.lines)])


def _replay(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.replay import replay

    book = book_here()
    replayed = replay(book, book.read().find(arguments.record))
    say_lines(str(replayed))
    return 0 if replayed.ok else 1


# --- what they share ------------------------------------------------------------------------------


def book_here() -> Workbook:
    """Return the workbook that the caller stands in."""
    from rolloutlib.ledger.workbook import Workbook
    from rolloutlib.plan.workbook import workbook_root

    return Workbook(workbook_root())


def _book_or_beside() -> Workbook:
    """Return the workbook; where it cannot be read, say first what waits beside its ledger."""
    from rolloutlib.ledger.verification import beside_findings
    from rolloutlib.plan.workbook import workbook_root

    try:
        return book_here()
    except Exception:
        _say_strays(beside_findings(workbook_root(), None))
        raise
