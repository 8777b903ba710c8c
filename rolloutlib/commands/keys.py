"""`rollout keys | export`: who may sign, and a record for supply-chain tools."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutlib.commands.acting import key_of, prepared_by
from rolloutlib.commands.ledger import BY, KEY, RECORD, ROLES, book_here, say_missing
from rolloutlib.commands.options import command, complain, group, now, option, say
from rolloutlib.phrase import phrase

if TYPE_CHECKING:
    import argparse

    from rolloutlib.ledger.chain import Node
    from rolloutlib.phrase import Phrase

EXPORT = """\
Print a record that holds in full in a DSSE envelope, signed by you: with an ed25519 key first a
plain signature, which in-toto clients verify, then an SSH signature, which ssh-keygen verifies.
docs/predicates/decision-v1.md describes the payload, docs/ledger.md how to verify it."""
EXPORTED = """\
examples:
  rollout export dec-20261122-001 --dsse > dec-20261122-001.dsse.json
  rollout keys pem pm_kim@ex.com
      the public key that verifies it"""
KEYS_PEM = """\
examples:
  rollout keys pem pm_kim@ex.com
      the keys that allowed_signers admits and nobody revoked
  rollout keys pem ci.pub
      any public key"""
KEYS_AGAIN = """\
The record goes first, the files under params/ follow. A command that was interrupted is ended by
the same one; so is it by the next that writes a record."""
KEYS_ADD = """\
examples:
  rollout keys add pm_kim@ex.com --name "Kim Min-ji" --role pm --key pm_kim.pub
      a new person
  rollout keys add pm_kim@ex.com --key laptop.pub
      one more key of a person who is there
"""
KEYS_REVOKE = """\
examples:
  rollout keys revoke pm_kim@ex.com
      somebody leaves: every key, and the person in roles.yaml
  rollout keys revoke pm_kim@ex.com --key laptop.pub
      a key was lost; the person stays while another key does
"""
KEYS_ACCEPT = """\
example:
  rollout keys accept
      after editing roles.yaml, allowed_signers or the plan's thresholds by hand
"""


def add(commands: Any) -> None:
    """Add the commands to the parser's sub-commands."""
    _add_keys(commands)
    dsse = "DSSE: the record as payload, signed by you"
    command(
        commands, "export", _export, "print a record in an envelope for supply-chain tools",
        RECORD, option("--dsse", dsse, action="store_true", required=True), KEY,
        description=EXPORT, epilog=EXPORTED,
    )  # fmt: skip


def _add_keys(commands: Any) -> None:
    summary = "admit or revoke a signer's key"
    actions = group(commands, "keys", summary, of="actions", each="ACTION")
    command(
        actions, "add", _keys_add,
        "admit a public key, and the person if new; an owner signs the record",
        option("who NAME", "the signer's address, such as pm_kim@ex.com"),
        option("--name TEXT", "printed name of a new person"),
        option("--role", "role of a new person", choices=ROLES, action="append", default=[]),
        option("--key FILE", "the public key", type=Path, required=True), BY,
        epilog=f"{KEYS_ADD}\n{KEYS_AGAIN}",
    )  # fmt: skip
    revoke = "revoke a person's keys; signatures seen so far keep counting"
    command(
        actions, "revoke", _keys_revoke, revoke, option("who NAME"),
        option("--key FILE", "this key only (default: every key of theirs)", type=Path), BY,
        epilog=f"{KEYS_REVOKE}\n{KEYS_AGAIN}",
    )  # fmt: skip
    pem = "print ed25519 keys for in-toto clients: keyid, hex and PEM"
    whose = option("key NAME", "a signer's address, or a file KEY.pub")
    command(actions, "pem", _keys_pem, pem, whose, epilog=KEYS_PEM)
    accept = "record hand edits of roles, keys or thresholds"
    command(actions, "accept", _keys_accept, accept, BY, epilog=f"{KEYS_ACCEPT}\n{KEYS_AGAIN}")


# --- what the commands do -------------------------------------------------------------------------


def _keys_add(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.keys import add_key

    book = book_here()
    by = prepared_by(arguments) if arguments.by or book.read().nodes else ""  # of no record yet
    node = add_key(
        book, arguments.who, name=arguments.name, roles=arguments.role, key=arguments.key,
        by=by, now=now(),
    )  # fmt: skip
    return _say_keys(phrase("{who} admitted", who=arguments.who), node)


def _keys_revoke(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.keys import revoke_key

    node = revoke_key(
        book_here(), arguments.who, by=prepared_by(arguments), now=now(), key=arguments.key
    )  # fmt: skip
    return _say_keys(phrase("{who} revoked", who=arguments.who), node)


def _keys_accept(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.keys import accept

    node = accept(book_here(), by=prepared_by(arguments), now=now())
    return _say_keys(phrase("roles, keys and thresholds recorded"), node)


def _keys_pem(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.dsse import public_pem
    from rolloutlib.ledger.keys import public_keys

    for public in public_keys(book_here(), arguments.key):
        sys.stdout.write(public_pem(public))
    return 0


def _say_keys(done: Phrase, node: Node | None) -> int:
    if node is not None:
        say("{done} as {record}", done=done, record=node.id)
    elif book_here().read().nodes:
        say("{done} (the newest record pins the files under params/ as they are)", done=done)
        return 0
    else:
        say("{done} (the ledger is empty: its first record will pin the files under params/)",
            done=done)  # fmt: skip
        return 0
    return say_missing(book_here(), node.id)


def _export(arguments: argparse.Namespace) -> int:
    from rolloutlib.ledger.dsse import envelope, is_plain

    book = book_here()
    with key_of(arguments, book) as key:
        sys.stdout.write(envelope(book, arguments.record, key=key, now=now()))
        if not is_plain(key):
            complain(
                "{key}: no plain signature, so no in-toto client verifies this envelope; sign with "
                "an ssh-ed25519 key", key=arguments.key,
            )  # fmt: skip
    return 0
