"""Hostile inputs as families: what is put beside good runs, and which answer is due.

Each case writes into a folder that holds six good samples already. The answers are few:

- kept: read like any other; so many more samples are there.
- row: a quarantined row that names line and field; the others of its file are kept.
- file: a refused file in the account; the good runs beside it stay as they are.
- refused: the whole read, with a sentence and the exit code 2 or 30.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from tests.runs.test_runs import run, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TAKEN, ROW, FILE, REFUSED = "kept", "row", "file", "refused"
GOOD = 6  # samples of the good runs
_PLACE = '"@"'  # stands for the hostile value


class Case(NamedTuple):
    """One hostile input.

    Attributes:
        name: the family and the member.
        put: writes it into the folder.
        answer: the class of the answer.
        kept: samples of it that are kept.
        says: a word that the message holds.
    """

    name: str
    put: Callable[[Path], object]
    answer: str
    kept: int = 0
    says: str = ""


def good(folder: Path) -> None:
    """Write the good runs: three samples of each arm, with a day and prompts."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [sample(n, promptId=f"p{n}", userId=f"u{n}") for n in (1, 2, 3)]
    text = "".join(
        json.dumps(run(f"good-{arm}", *rows, arm=arm, session={"seed": seed})) + "\n"
        for seed, arm in enumerate(("control", "treatment"))
    )
    (folder / "good.jsonl").write_text(text, encoding="utf-8")


def written(name: str, data: str | bytes | Callable[[], bytes]) -> Callable[[Path], object]:
    """Return what writes one file, made only then if it is large; folders in its name are made."""

    def put(folder: Path) -> None:
        path, content = folder / name, data() if callable(data) else data
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        path.write_bytes(plain)

    return put


def envelope(bad: str, field: str = "score", name: str = "bad") -> str:
    """Return a run of JSON with two samples, of which the second has this text as a value."""
    rows = [sample(1), sample(2, **{field: "@"})]
    return json.dumps(run(name, *rows)).replace(_PLACE, bad)


# value as JSON → the field, for samples of runs and rows of flat JSON Lines alike
SCALARS = {
    "NaN": ("NaN", "score"),
    "infinity": ("Infinity", "score"),
    "minus infinity": ("-Infinity", "latencyMs"),
    "1e400": ("1e400", "score"),
    "-1e400": ("-1e400", "latencyMs"),
    "integer of 5,000 digits": ("9" * 5_000, "latencyMs"),
    "integer of 200,000 digits": ("9" * 200_000, "score"),
    "score over its scale": ("11", "score"),
    "score under its scale": ("-0.5", "score"),
    "negative latency": ("-3", "latencyMs"),
    "latency as text": ('"2,050"', "latencyMs"),
    "decimal comma": ('"7,0"', "score"),
    "digits with underscore": ('"1_000"', "latencyMs"),
    "Arabic digits": ('"\\u0667"', "score"),
    "true as a score": ("true", "score"),
    "list as a score": ("[7]", "score"),
    "object as a score": ('{"value": 7}', "score"),
    "unknown status": ('"ok!"', "status"),
    "null status": ("null", "status"),
    "number as a status": ("0", "status"),
    "lone surrogate": ('"\\ud800"', "category"),
    "lone low surrogate": ('"a\\udfff"', "promptId"),
    "issues as text": ('"[]"', "issues"),
    "number in issues": ("[1]", "issues"),
    "object in issues": ('[{"tag": "a"}]', "issues"),
    "negative style violations": ("-1", "styleViolations"),
    "too many style violations": ("2147483648", "styleViolations"),
    "unknown difficulty": ('"impossible"', "difficulty"),
    "covariate as text": ('"a lot"', "covariate"),
}  # fmt: skip

KEPT_VALUES = {
    "markup in a category": ('"<img src=x onerror=alert(1)>"', "category"),
    "override in a category": ('"\\u202egood"', "category"),
    "control character in a tag": ('["a\\u0007"]', "issues"),
    "NUL in a tag": ('["a\\u0000"]', "issues"),
    "escape in a category": ('"\\u001b[2J"', "category"),
    "look-alike letters": ('"f\\u0430ctual_error"', "category"),
    "id of 2^53 + 1": ("9007199254740993", "promptId"),
    "id 007": ('"007"', "promptId"),
    "id NA": ('"NA"', "promptId"),
    "id 1e5": ('"1e5"', "promptId"),
    "id with ../": ('"../../etc/passwd"', "promptId"),
    "formula": ('"=HYPERLINK(1)"', "category"),
    "category of 100,000 letters": ('"' + "x" * 100_000 + '"', "category"),
}


def sample_values() -> Iterator[Case]:
    """One odd value of a sample, in a run of JSON, JSON Lines and in a folder below."""
    for place in ("h.json", "h.jsonl", "sub/h.json"):
        for name, (text, field) in SCALARS.items():
            yield Case(f"{place}: {name}", written(place, envelope(text, field)), ROW, 1, field)
    for name, (text, field) in KEPT_VALUES.items():
        yield Case(f"h.jsonl: {name}", written("h.jsonl", envelope(text, field)), TAKEN, 2)


NAMES = {
    "latencyMs": "latency_ms", "promptId": "prompt_id", "styleViolations": "style_violations",
}  # fmt: skip
FLAT = {"NaN", "infinity", "1e400", "integer of 5,000 digits", "score over its scale",
        "score under its scale", "negative latency", "latency as text", "decimal comma",
        "digits with underscore", "Arabic digits", "unknown status", "lone surrogate",
    "unknown difficulty", "number as a status"}  # fmt: skip


def flat_values() -> Iterator[Case]:
    """The same values in rows of flat JSON Lines and of CSV."""
    for name in sorted(FLAT):
        text, field = SCALARS[name]
        column = NAMES.get(field, field)
        rows = [
            {"arm": "control", "run_id": "f", "sample_id": n, "status": "passed", "score": 7}
            for n in ("a", "b")
        ]
        lines = [rows[0] | {column: "@"}, rows[1]]
        flat = "".join(json.dumps(row) + "\n" for row in lines).replace(_PLACE, text)
        yield Case(f"flat lines: {name}", written("h.jsonl", flat), ROW, 1, column)
        if text.startswith(("[", "{")) or "\\u" in text:
            continue
        cell = text.strip('"')
        cell = f'"{cell}"' if "," in cell else cell
        head = f"arm,run_id,sample_id,{column}" + ("" if column == "status" else ",status")
        end = "" if column == "status" else ",passed"
        plain = {"status": "passed", "score": "7", "latency_ms": "9", "difficulty": "easy"}
        other = plain.get(column, "1")
        table = f"{head}\ncontrol,f,a,{cell}{end}\ncontrol,f,b,{other}{end}\n"
        yield Case(f"csv: {name}", written("h.csv", table), ROW, 1, column)


RUN = json.dumps(run("one"))
_TEN = json.dumps(run("one", *map(sample, range(10))))


def _linked(text: str) -> str:
    """Return the run with more in its links, which nobody reads."""
    return RUN.replace('"samples"', f'"links": {text}, "samples"')


def _more(text: str) -> str:
    """Return the run with more keys at its end."""
    return f"{RUN[:-1]}, {text}}}"


_FLAGS = '"flags": {"searchLite": true}, "datasetMeta": {"featureFlags": {"searchLite": false}}'
DAMAGE: dict[str, tuple[str | bytes, str]] = {
    "cut at its end": (RUN[:-20], ROW),
    "cut in a key": (RUN[:30], ROW),
    "one brace": ("{", ROW),
    "a NUL byte": (RUN.replace("good", "g\0od").replace('"stage"', '"st\0age"'), ROW),
    "invalid UTF-8": (RUN.replace('"bias"', '"b@s"').encode().replace(b"@", b"\xff"), ROW),
    "overlong UTF-8": (RUN.replace('"bias"', '"b@s"').encode().replace(b"@", b"\xc0\xaf"), ROW),
    "a surrogate in UTF-8": (RUN.replace('"bias"', '"b\ud800s"'), ROW),
    "a key twice": (RUN.replace('"stage": 1', '"stage": 1, "stage": 2'), ROW),
    "a key in two cases": (RUN.replace('"stage": 1', '"stage": 1, "Stage": 2'), ROW),
    "a run id twice": (RUN.replace('{"runId"', '{"runId": "x", "runId"', 1), ROW),
    "trailing comma": (RUN[:-1] + ",}", ROW),
    "single quotes": (RUN.replace('"', "'"), ROW),
    "a comment": (RUN[:-1] + "// x\n}", ROW),
    "two values": (RUN + " " + RUN, ROW),
    "no object": ('"result"', ROW),
    "a list": ('[{"result": 1}]', ROW),
    "nesting of 65": (RUN.replace('["bias"]', "[" * 65 + "]" * 65), ROW),
    "nesting of 990": (_linked("[" * 990 + "]" * 990), ROW),
    "nesting of 200,000": (_linked("[" * 200_000 + "]" * 200_000), ROW),
    "open nesting of 200,000": ('{"result": ' + "[" * 200_000, ROW),
    "objects in objects": (_linked('{"a": ' * 100 + "1" + "}" * 100), ROW),
    "100,000 keys": (_more(", ".join(f'"k{n}": NaN' for n in range(100_000))), ROW),
    "no metrics, samples only": (RUN.replace('"metrics"', '"metric"'), TAKEN),
    "no samples": (RUN.replace('"samples"', '"sample"'), ROW),
    "pass rate of 76": (RUN.replace('"passRate": 0.5', '"passRate": 76'), ROW),
    "metrics that disagree": (_TEN.replace('"passRate": 1.0', '"passRate": 0.5'), ROW),
    "rates above 1": (RUN.replace('"vetoedPct": 0.0', '"vetoedPct": 0.9'), ROW),
    "arm of nobody": (RUN.replace('"control"', '"both"'), ROW),
    "time without offset": (RUN.replace("10:00:00+09:00", "10:00:00"), ROW),
    "time that is none": (RUN.replace("2026-03-02T10", "2026-02-30T10"), ROW),
    "time of 1970": (RUN.replace("2026-03-02", "1970-01-01"), ROW),
    "time as a number": (RUN.replace('"2026-03-02T10:00:00+09:00"', "1772413200"), ROW),
    "time that is no text": (RUN.replace("2026-03-02T10:00:00+09:00", "yesterday"), ROW),
    "stage as text": (RUN.replace('"stage": 1', '"stage": "one"'), ROW),
    "seed beyond 64 bits": (_more('"session": {"seed": 9223372036854775808}'), ROW),
    "mock provider": (_more('"provider": "MOCK"'), ROW),
    "fallback note": (RUN.replace('"samples"', '"providerNote": "CLI_FALLBACK", "samples"'), ROW),
    "other flags in its data set": (_more(_FLAGS), ROW),
    "empty": ("", FILE),
    "blank": (" \n\r\n\t\n", FILE),
    "a million blank lines": ("\n" * 1_000_000, FILE),
    "mark of byte order": (b"\xef\xbb\xbf" + RUN.encode(), TAKEN),
}  # fmt: skip


def text_damage() -> Iterator[Case]:
    """A text that is no run, as one run of JSON and as a line among others."""
    for name, (text, answer) in DAMAGE.items():
        n_rows = 2 if answer == TAKEN else 0
        yield Case(f"json: {name}", written("h.json", text), answer, n_rows)
        if "comment" not in name:
            yield Case(f"lines: {name}", written("h.jsonl", text), _in_lines(name, answer), n_rows)
    lines = json.dumps(run("one")) + "\n"
    for name, text, n_rows in (
        ("CRLF", lines.replace("\n", "\r\n"), 2),
        ("CR", lines.replace("\n", "\r"), 2),
        ("5 M blank lines before", "\n" * 5_000_000 + lines, 2),
        ("blank lines between", "\n" * 1000 + lines + " \n" * 1000, 2),
    ):
        yield Case(f"lines: {name}", written("h.jsonl", text), TAKEN, n_rows)
    twice = json.dumps(run("one", sample(1), sample(1, score=3), sample(2)))
    yield Case("lines: a sample id twice", written("h.jsonl", twice), ROW, 1, "sample 1")
    many = json.dumps(run("one", *[sample(1, score=n % 10) for n in range(3000)]))
    yield Case("json: one sample id 3,000 times", written("h.json", many), ROW, 0, "more")
    both = lines + lines.replace("one", "two")
    yield Case("lines: one run under two ids", written("h.jsonl", both), TAKEN, 2)


_NO_ENVELOPE = {"one brace", "single quotes", "no object"}  # not told from a table


def _in_lines(name: str, answer: str) -> str:
    return REFUSED if name in _NO_ENVELOPE else answer


TABLE = "arm,run_id,sample_id,status,score\ncontrol,f,a,passed,7\ncontrol,f,b,failed,3\n"
TABLES: dict[str, tuple[str | bytes, str, int]] = {
    "a ragged row": (TABLE + "control,f,c\n", ROW, 2),
    "a long row": (TABLE + "control,f,c,passed,7,9\n", ROW, 2),
    "a row of one cell": (TABLE + "control\n", ROW, 2),
    "every row too long": ("arm,status\ncontrol,passed,1\ncontrol,passed,2\n", REFUSED, 0),
    "a quote that is not closed": (TABLE + 'control,f,c,passed,"7\n', ROW, 2),
    "a quote inside a cell": (TABLE + 'control,f,"c" x,passed,7\n', ROW, 2),
    "only an open quote": ('"arm,status\ncontrol,passed\n', REFUSED, 0),
    "a column twice": (TABLE.replace("run_id", "arm"), REFUSED, 0),
    "a header alone": ("arm,run_id,sample_id,status,score\n", REFUSED, 0),
    "no header": ("control,f,a,passed,7\ncontrol,f,b,passed,7\n", REFUSED, 0),
    "6,000 columns": (",".join(f"c{n}" for n in range(6_000)) + "\n1\n", REFUSED, 0),
    "a million commas": ("," * 1_000_000 + "\n", REFUSED, 0),
    "semicolons": (TABLE.replace(",", ";"), REFUSED, 0),
    "tabs": (TABLE.replace(",", "\t"), REFUSED, 0),
    "UTF-16 with its mark": (TABLE.encode("utf-16"), TAKEN, 2),
    "UTF-16 little end first": (TABLE.encode("utf-16-le"), REFUSED, 0),
    "UTF-16 big end first": (TABLE.encode("utf-16-be"), REFUSED, 0),
    "UTF-32": (TABLE.encode("utf-32"), TAKEN, 2),
    "gzip under another name": (b"\x1f\x8b\x08\0" + b"x" * 100, REFUSED, 0),
    "zip under another name": (b"PK\x03\x04" + b"x" * 100, REFUSED, 0),
    "zstd under another name": (b"\x28\xb5\x2f\xfd" + b"x" * 100, REFUSED, 0),
    "Parquet under another name": (b"PAR1" + b"x" * 100 + b"PAR1", REFUSED, 0),
    "Latin-1 in a row": (TABLE.encode() + b"control,f,\xe9,passed,7\n", ROW, 2),
    "NUL in a row": (TABLE + "control,f,c\0,passed,7\n", ROW, 2),
    "an id twice": (TABLE + "control,f,a,failed,2\n", ROW, 1),
    "an unknown arm": (TABLE + "nobody?,f,c,passed,7\n", TAKEN, 3),
    "an empty arm": (TABLE + ",f,c,passed,7\n", ROW, 2),
    "a formula": (TABLE + "control,f,=1+1,passed,7\n", TAKEN, 3),
    "Windows line ends": (TABLE.replace("\n", "\r\n"), TAKEN, 2),
    "a mark of byte order": (b"\xef\xbb\xbf" + TABLE.encode(), TAKEN, 2),
    "a row copied 1,000 times": (TABLE + "control,f,b,failed,3\n" * 1000, TAKEN, 2),
    "an id with 2,000 contents": (
        TABLE + "".join(f"control,f,x,passed,{n / 1000}\n" for n in range(2000)), ROW, 2),
    "an id with 30,000 contents": (
        TABLE + "".join(f"control,f,x,passed,{n / 10000}\n" for n in range(30_000)),
        ROW,
        2,
    ),
    "one cell of 2 MB": (TABLE + f"control,f,{'x' * 2_000_000},passed,7\n", TAKEN, 3),
}  # fmt: skip


def tables() -> Iterator[Case]:
    """A CSV that is damaged, or is no CSV."""
    for name, (text, answer, n_rows) in TABLES.items():
        yield Case(f"csv: {name}", written("h.csv", text), answer, n_rows)
    for name in ("UTF-16 little end first", "gzip under another name", "zip under another name"):
        yield Case(f"json: {name}", written("h.json", TABLES[name][0]), FILE)
        yield Case(f"lines: {name}", written("h.jsonl", TABLES[name][0]), REFUSED)
