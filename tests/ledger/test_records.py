"""Documents have one form: what is written is RFC 8785.

Every other spelling is named and refused.
"""

from __future__ import annotations

import json

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from rolloutlib.ledger.documents import decimal, decode, encode, moment
from rolloutlib.ledger.findings import LedgerError
from rolloutlib.ledger.records import Head, Record, Signoff

SHA = "a" * 64


def signoff(name: str = "Kim") -> Signoff:
    """Return a signoff with a printed name."""
    head = Head("dec-20261122-001", SHA)
    return Signoff(
        decision="GO", meaning="approval", name=name, record=head, role="pm", seen_head=(head,),
        signed_at="2026-11-22T09:00:00Z", signer="a@ex.com",
    )  # fmt: skip


@given(st.text())
def test_fast_form_is_rfc8785(text: str) -> None:
    """For any text msgspec writes what the reference library rfc8785 writes.

    So reading may compare with either.
    """
    reference = encode(signoff(text))
    assert reference == rfc8785.dumps(msgspec.to_builtins(signoff(text))) + b"\n"
    assert msgspec.json.encode(signoff(text), order="sorted") + b"\n" == reference
    assert decode(reference, Signoff) == signoff(text)


def test_what_is_no_text_stands_as_its_codes() -> None:
    """A byte of the command line that is no UTF-8 is written as its code, and stops no record."""
    assert decode(encode(signoff("caf\udce9 \ud800")), Signoff).name == "caf\\udce9 \\ud800"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimals_read_back(value: float) -> None:
    """A decimal string reads back as the same float."""
    assert float(decimal(value) or "nan") == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_number_is_refused(value: float) -> None:
    """NaN and infinities never reach a record."""
    with pytest.raises(LedgerError, match="finite"):
        decimal(value)


def spelled(change: str) -> bytes:
    """Return the same signoff in another spelling."""
    good = encode(signoff())
    value = json.loads(good)
    return {
        "indent": json.dumps(value, indent=1).encode() + b"\n",
        "no newline": good[:-1],
        "two newlines": good + b"\n",
        "crlf": good.replace(b"\n", b"\r\n"),
        "escape": good.replace(b"Kim", b"\\u004bim"),
        "key order": json.dumps(dict(reversed(value.items())), separators=(",", ":")).encode()
        + b"\n",
        "byte order mark": b"\xef\xbb\xbf" + good,
        "latin-1": good.replace(b"Kim", b"K\xfcm"),
        "twice": good.replace(b'"name":"Kim"', b'"name":"Lee","name":"Kim"'),
        "unknown field": good.replace(b'"name"', b'"mane":1,"name"'),
        "missing field": good.replace(b'"name":"Kim",', b""),
        "float": good.replace(b'"Kim"', b"1.0"),
        "role": good.replace(b'"role":"pm"', b'"role":"boss"'),
        "cut": good[:50],
        "empty": b"",
        "huge": good.replace(b"Kim", b"K" * 1_000_001),
    }[change]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("indent", "not-canonical"),
        ("no newline", "not-canonical"),
        ("two newlines", "not-canonical"),
        ("crlf", "line-ends"),
        ("escape", "not-canonical"),
        ("key order", "not-canonical"),
        ("byte order mark", "json"),
        ("latin-1", "encoding"),
        ("twice", "duplicate-key"),
        ("unknown field", "fields"),
        ("missing field", "fields"),
        ("float", "fields"),
        ("role", "fields"),
        ("cut", "json"),
        ("empty", "json"),
        ("huge", "size"),
    ],
)
def test_other_spellings_are_named(change: str, code: str) -> None:
    """Bytes that say the same differently, or say something else, are refused with their cause."""
    with pytest.raises(LedgerError) as caught:
        decode(spelled(change), Signoff)
    assert caught.value.code == code


@given(st.binary(max_size=300))
def test_any_bytes_get_a_sentence(data: bytes) -> None:
    """No bytes lead to anything but a record or a LedgerError."""
    with pytest.raises(LedgerError):
        decode(data, Record)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T09:00:00",
        "2026-11-22T09:00:00+09:00",
        "2026-13-01T00:00:00Z",
        "٢٠٢٦-11-22T09:00:00Z",
    ],
)
def test_times_are_utc(text: str) -> None:
    """A time without Z, with an offset, impossible or in other digits is refused."""
    with pytest.raises(LedgerError, match="expected a time"):
        moment(text, "signedAt")
