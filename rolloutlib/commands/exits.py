"""What each command's exit code says; --help shows it, and docs/exit-codes.md is about it."""

from __future__ import annotations

from typing import Final

from rolloutlib.commands.worded import worded
from rolloutlib.phrase import phrase

__all__ = ["ALWAYS", "EXITS", "told"]

ALWAYS: Final = phrase("2 wrong usage; 1 failure; 130 interrupted.")
EXITS: Final = {
    "plan": "0 told",
    "plan-page": "0 written",
    "ingest": "0 stored, or stored already",
    "review": "0 GO; 10 HOLD; 20 NO_GO; 30 INVALID (data that are no evidence)",
    "compare": "0 GO; 10 HOLD; 20 NO_GO; 30 INVALID (data that are no evidence)",
    "watch": "0 calm; 10 amber, or too few data to say; 20 red; 30 no data that count; 40 ROLLBACK",
    "slides": "0 written; 1 not printed, or the report's parts are not of one report",
    "schema": "0 written",
    "decide": "0 drafted; 1 refused, and nothing is recorded",
    "sign": "0 signed",
    "verify": "0 all holds; 1 something does not",
    "ledger": "0 listed, whatever it says: `rollout verify` judges",
    "add": "0 admitted, or admitted already",
    "revoke": "0 revoked, or revoked already",
    "accept": "0 recorded, or recorded already",
    "pem": "0 printed",
    "replay": "0 the same results (E0, E1); 1 others (E2, E3), or data of the pins are missing",
    "export": "0 printed",
    "show": "0 shown",
    "diff": "0 told, whether something would change or not",
    "check": "0 the flags are what the plan says; 1 they are not",
    "init": "0 written",
    "promote": "0 in force, or in force already; 1 refused, and no flag moved",
    "rollback": "0 off and recorded; 1 not recorded yet, or not off: the lines say which",
    "schedule": "0 printed or written",
    "notify": "0 shown, or told by every way; 1 not told by some way",
    "bench": "0 all was asked, whether the engine answered or not",
    "check-pr": "0 whole; 10 a section is missing or says nothing",
    "retrospective": "0 written",
    "history": "0 written, whatever the reports say",
    "publish": "0 published; 1 refused or not written: what was there is as it was",
    "runlogs": "0 listed; 10 some are no evidence",
    "open": "0 opened; the line tells its id",
    "close": "0 closed, or closed at that moment already",
    "cover": "0 written",
    "list": "0 none is open; 10 some are",
    "set": "0 turned and recorded; 1 refused, and nothing is turned",
    "undo": "0 taken back and recorded; 1 refused, and nothing is turned",
    "risks": "0 shown, whether a signal fires or not",
}


def told(name: str) -> str:
    """Return the paragraph of a command's help, in the language that is spoken."""
    own = phrase(EXITS.get(name, "0 done"))
    return worded("Exit code: {own}; {always}", own=own, always=ALWAYS)
