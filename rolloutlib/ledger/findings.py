"""Everything that the ledger finds or refuses: a code that programs compare, a sentence for people.

A code's part after the dot tells sentences of one class apart; tests and programs see what stands
before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import RolloutError
from rolloutlib.phrase import Phrase, foreign, phrase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rolloutlib.phrase import Clause, Value

SENTENCES: Final = {
    # the bytes of a document
    "size": "it has {bytes:,} bytes; at most {most:,} are read",
    "line-ends": "its line ends were converted (CR LF); "
    "restore the bytes (`git restore docs/LEDGER`), with `-text` in .gitattributes",
    "encoding": "byte {byte} is not UTF-8; restore the bytes (`git restore docs/LEDGER`)",
    "json": "it is not JSON ({error}); restore the bytes (`git restore docs/LEDGER`)",
    "duplicate-key": "the key {key!r} is there twice, so two readers may see two decisions",
    "fields": "{error} (`git restore docs/LEDGER`)",
    "not-canonical": "it was reformatted: "
    "it says the same in other bytes than the ones that count; `git restore docs/LEDGER`",
    "number": "a record cannot hold {value}; expected a finite number or none at all",
    "fields.time": "{where} is {text!r}; expected a time such as 2026-11-22T09:30:00Z",
    # a record by itself
    "link": "it is a link or no file; the ledger holds plain files only "
    "(remove it, then `git restore docs/LEDGER`)",
    "name": "it is no name of this ledger, though it looks like one; remove or rename it",
    "other-id": "it is a copy of {id} under another name; each record has its own id "
    "(`rm docs/LEDGER/{name}.record`)",
    "other-id.beside": "it is the rollback {id} under another name",
    "other-ledger": "it belongs to the ledger {got!r}, not to {expected!r}",
    "fields.id": "a {kind} with verdict {verdict} of {day} does not belong under the id {name}",
    "fields.subjects": "its subjects are not sorted by name, each once",
    "fields.subject": "its subject {subject!r} lies outside of the folder {name}/",
    "fields.kind": "what it says does not fit a record of kind {kind}",
    "unwaived": "GO is refused: {open} neither holds nor is waived with a reason "
    "(--waive GATE --reason TEXT){why}",
    "unwaived.invalid": "GO cannot rest on data that are no evidence, with any waiver; "
    "review valid runs first",
    "unwaived.against": "the verdict {verdict} is against the recommendation {recommendation} "
    "and no waiver says why (--waive GATE --reason TEXT)",
    "deviation": "it accepts a deviation of {gate}, which does not fit what it says of that gate",
    "signoff-fields": "it cannot be read",
    # its place in the chain
    "no-record": "{folder} has no readable record {name}; {newest}",
    "deleted": "it follows {id}, which is not there: "
    "it was deleted or cannot be read (`git restore docs/LEDGER`)",
    "deleted.record": "there is a card or a signoff but no record: "
    "the record was deleted (`git restore docs/LEDGER`)",
    "deleted.seen": "{who} saw the record {id}, which is no longer there: it was deleted or edited",
    "edited": "it follows {id} with other bytes: {id} was edited afterwards "
    "(`git restore docs/LEDGER`)",
    "edited.signed": "the record was changed after {who} signed it (`git restore docs/LEDGER`)",
    "second-root": "it begins a second ledger: "
    "it follows no record, but another record is the first",
    "sequence": "it is number {seq}; after what it follows it must be {expected}",
    "sequence.order": "the records that it follows are not sorted by name, each once",
    "sequence.ancestor": "it follows {id}, and also a record that follows {id}",
    "time": "it is dated {at}, before {id}, which it follows",
    "builds-on": "it builds on, or rolls back, {id}, which is no GO record before it",
    "trust": "its keys, roles or thresholds are not those of the records before it, "
    "and no keys record changed them",
    "trust.join": "it joins two changes of keys ({ids}); "
    "only a keys record can join them (rollout keys accept)",
    "trust.files": "{files} changed without a keys record; "
    "undo it (`git restore {paths}`) or record it (`rollout keys accept`)",
    "trust.behind": "{files} are behind {id}, whose command was interrupted; "
    "`rollout keys accept` ends it (so does the same command again)",
    "trust-unsigned": "it stands on the change of keys {id}, which nobody has signed in full yet",
    "trust-wrong": "it stands on the change of keys {id}, which does not hold",
    "witness": "{who} had signed {id} when this was drafted; "
    "that signoff was deleted (`git restore docs/LEDGER`)",
    "witness.other": "the signoff of {who} on {id} is not the one "
    "that was there when this was drafted",
    "fork": "{ids} follow the same record and nothing joins them; the next record will",
    "head-missing": "the head {head}… is not in this ledger: "
    "records were deleted or rewritten since it was printed",
    "orphan": "{name} is left over from an interrupted command; the next one removes it",
    "damaged": "the ledger is damaged and takes no records: {where}: {first} "
    "(`rollout verify` shows all)",
    "not-written": "{id} was not written: {why}",
    # beside the ledger
    "unjoined": "the rollback {id} is recorded beside the ledger and waits to be joined: "
    "{first}`rollout ledger --join`",
    "lost.beside": "the rollback {id} is recorded beside the ledger, which does not have "
    "{decision}, by which the flags had been on: restore it (`git restore docs/LEDGER`), or, if it "
    "is lost for good, join it to what is there: `rollout ledger --join`",
    "lost": "the ledger does not have {decision}, by which the flags had been on",
    "beside": "{problem}; restore it (`git restore {name}`), or, if git has none, remove it and "
    "run `rollout rollback --reason TEXT` again",
    "folder": "it is no folder; remove it and restore the ledger: "
    "`rm docs/LEDGER && git restore docs/LEDGER`",
    "unreadable": "it cannot be read ({why}); give yourself the right to read it, "
    "or `git restore docs/LEDGER`",
    # what it rests on, and its card
    "subject-missing": "{name}, which it rests on, is not there (`git restore docs/LEDGER`)",
    "subject-changed": "{name}, which it rests on, was changed (`git restore docs/LEDGER`)",
    "card": "the card {name} is not what the record says, which counts "
    "(`rollout ledger --cards` draws it again)",
    # keys
    "signers": "{where}: {trap}",
    "lint": "nobody could sign safely: {problems}",
    "no-ssh-keygen": "{name} is not on the path; "
    "install it (Debian: apt-get install openssh-client)",
    "no-key": "{file} {got}; expected one SSH public key in a line, such as "
    "`ssh-ed25519 AAAA… name`: {then}",
    "no-key.missing": "{key} is not there, and neither is {file}; "
    "expected the file of a public key",
    "no-key.unread": "{file} {why}; --key takes the file of a public key",
    "no-key.half": "{file} is not there, and {key} is a private key; "
    "`ssh-keygen -y -f {key} > {file}` makes its public half",
    "no-key.name": "{key} is a public key without .pub at the end of its name; "
    "`cp {key} {file}`, then give {file}",
    "no-key.agent": "the ssh agent holds {held} keys of params/allowed_signers; "
    "expected one (ssh-add KEY, or --key FILE.pub)",
    "not-signed": "{key} did not sign: {why}",
    "not-signed.add": "ssh-add did not take {key}: {why}",
    "not-plain": "{key} is of type {kind}; in-toto clients verify a plain signature of ssh-ed25519 "
    "(`ssh-keygen -t ed25519` makes a key)",
    "not-plain.size": "an ssh agent signs at most {most:,} bytes, and this record has {bytes:,}",
    # signatures
    "no-signature": "its signature is missing: there is no .signoff.sig",
    "two-signatures": "the file holds two signatures, of which ssh-keygen reads only the first",
    "armour": "the signature's text is damaged: it is not what ssh-keygen wrote",
    "armour.fields": "the signature's fields are damaged",
    "namespace": "it was signed for {got!r}, not for {expected!r}",
    "unknown-key": "it was made with a key that params/allowed_signers does not have",
    "unknown-key.sign": "params/allowed_signers has no line with {key}.pub; "
    "`rollout keys add` admits a key",
    "unadmitted": "{who} has this key by this change of keys or a later one, and cannot sign it "
    "with it: sign with a key from before it, or let another signer sign it",
    "unadmitted.unsigned": "{who} has this key by the change of keys {id}, which does not hold: "
    "let that one be signed in full first (`rollout verify {id}`)",
    "unadmitted.unrecorded": "no record admits this key of {who}: `rollout keys accept` writes "
    "one, and the key signs once that is signed",
    "other-persons-key": "it was made with the key of {owner}, not of {who}",
    "expired": "the key of {who} was not valid on {at} UTC",
    "revoked": "the key of {who} is revoked, and no earlier record witnesses this signature",
    "bad-signature": "the signature does not fit the signoff: one of the two was changed",
    # who signs what, when
    "misattributed": "it is the signoff of {signer} under the name of {who}",
    "copied": "it was signed for {id} and copied here",
    "same-key": "it was made with the key of {other}, who has signed already; one key counts once",
    "same-person": "{who} has signed {id} already; one person signs a record once",
    "role": "{who} {has} in this ledger and cannot sign as {role}",
    "role.name": "the printed name is {got!r}; {who} is {expected!r}",
    "preparer": "{who} prepared the record and cannot approve it",
    "preparer.key": "the key of {who} cannot sign the record about itself",
    "seen-head": "the ledger that it saw did not hold this record",
    "backdated": "it is dated {at}, before a record that it saw ({latest})",
    "future": "it is dated {at}, later than now ({now}); check the clock",
    "unsigned": "{verdict} needs the signature of {roles}",
    "late": "{verdict} needed the signature of {roles} by {by}",
    "vacant": "nobody is {role}, whose signature is needed: `rollout keys add NAME@HOST "
    "--name NAME --role {role} --key FILE.pub`",
    # commands
    "data-changed": "{files} changed since the review in {folder}; review again",
    "unsealed": "{folder} has no seal.sha256: "
    "an older version, papermill or somebody in a notebook wrote it; "
    "run `rollout review --out` again and decide on what it writes",
    "unsealed.parts": "the parts of {folder} do not belong together: {parts}; "
    "run `rollout review --out` again and decide on what it writes",
    "no-pins": "{id} rests on no review (it is a {kind} record); nothing to replay",
    "subject-changed.replay": "{name} is not the file that {id} rests on "
    "(`git restore docs/LEDGER`)",
    "subject-changed.review": "{id}/review.json is not the review whose results the record pins",
    "not-verified": "{id} does not hold and is not exported; `rollout verify {id}` says why",
}


class LedgerError(RolloutError):
    """The ledger refuses: it is damaged, or what was asked for would damage it.

    Attributes:
        code: the class of damage, one word that tests and programs compare.
    """

    def __init__(self, code: str, **facts: object) -> None:
        """Name the class of damage, by a key of SENTENCES, and what its sentence is filled with."""
        super().__init__(SENTENCES[code], **facts)
        self.code = code.partition(".")[0]


# What only waits for somebody, in its time: nothing was tampered with, and nothing is late.
WAITING: Final = frozenset({"unsigned", "trust-unsigned", "vacant", "unjoined"})


class Finding(NamedTuple):
    """Something that does not hold: where (a record's id, or a file), which class, and how."""

    where: str
    code: str
    phrase: Phrase

    @property
    def sentence(self) -> str:
        """It in English; `words.sentences.translated` says its phrase in the reader's language."""
        return str(self.phrase)

    @property
    def waits(self) -> bool:
        """Whether this only waits for somebody."""
        return self.code in WAITING


def finding(place: str, code: str, **facts: object) -> Finding:
    """Return a finding at a place; code and facts as in LedgerError."""
    return Finding(place, code.partition(".")[0], phrase(SENTENCES[code], **facts))


def said_by(error: Exception) -> Phrase:
    """Return what went wrong: ours can be said in the reader's language, others' is quoted."""
    if isinstance(error, RolloutError):
        return error.phrase
    return foreign(str(error) or type(error).__name__)


def without(clause: Phrase, text: str) -> Phrase:
    """Return a phrase whose values do not hold a text: a path that only this machine has.

    >>> str(without(phrase("{file} is damaged", file="/tmp/w/a"), "/tmp/w/"))
    'a is damaged'
    """

    def bare(value: Value) -> Value:
        if isinstance(value, Phrase):
            return without(value, text)
        return value.replace(text, "") if isinstance(value, str) else value

    values = {name: bare(value) for name, value in clause.values.items()}
    return Phrase(clause.template.replace(text, ""), values)


def together(parts: Iterable[Clause]) -> Phrase:
    """Return sentences as one, in whatever language each is said.

    >>> str(together(["a", "b"]))
    'a; b'
    """
    named = {f"p{place}": part for place, part in enumerate(parts)}
    return phrase("; ".join(f"{{{name}}}" for name in named), **named)


def listed(parts: Iterable[Clause]) -> Phrase:
    r"""Return sentences one below the other, in whatever language each is said.

    >>> str(listed(["a", "b"]))
    '\n  - a\n  - b'
    """
    named = {f"p{place}": part for place, part in enumerate(parts)}
    return phrase("".join(f"\n  - {{{name}}}" for name in named), **named)
