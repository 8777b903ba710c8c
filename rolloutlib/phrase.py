"""What is said to a person, before anybody knows in which language: a template and its values.

Errors, refusals and the names of methods arise far below `words`. Their English template is a
literal, so that catalogues can be checked against the sources; `words.sentences.translated` says
them in the reader's language.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from functools import lru_cache, reduce
from itertools import islice
from numbers import Integral, Real
from string import Formatter
from typing import TYPE_CHECKING, Final, Union, cast

import msgspec

from rolloutlib.text import LABEL, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

__all__ = ["UNFILLED", "Clause", "Phrase", "Value", "both", "either", "fillable", "filled"]
__all__ += ["foreign", "only_after_hangul", "phrase", "settled", "several"]

_DIGITS = 38  # of a decimal that is said as a number; sums of 128 bits have no more
_NAMED = 20  # of the parts of an enumeration; nobody reads more
# What filling raises where values are not those that a template names.
UNFILLED: Final = (LookupError, ValueError, TypeError, AttributeError)
_FIELDS: Final = 40  # places in a template; ours have nine at most
_PART: Final = 10_000  # characters of a phrase within a phrase, so that copies of it end
_PLAIN_SPEC: Final = re.compile(r"|[+]?,?(\.[0-9]{1,2})?[fg%]?|02x")

Plain = bool | int | float | str | None
Value = Union[Plain, "Phrase", tuple[Union[Plain, "Phrase"], ...]]


class Phrase(msgspec.Struct, frozen=True):
    """A sentence, or a part of one.

    `str` of it is its English. Without values nothing is filled in: the template may hold braces.
    A record may hold a phrase that somebody wrote: one that is not `fillable`, or lacks values,
    is said as it stands.

    Attributes:
        template: English, with `{name}` where a value stands, as `str.format` takes it.
        values: what stands there; phrases among them are said in the same language.
    """

    template: str
    values: dict[str, Value] = {}

    def __str__(self) -> str:
        """Return it in English."""
        return self.said(lambda template: template)

    def __hash__(self) -> int:
        """Return the same for equal ones, so that those that many rows share are made once."""
        return hash((self.template, frozenset(self.values.items())))

    def said(self, translate: Callable[[str], str]) -> str:
        """Return it in a language, given what translates a template.

        >>> phrase("{n:,} rows in {of}", n=1200, of=phrase("the {arm} arm", arm="old")).said(str)
        '1,200 rows in the old arm'
        """
        template = translate(self.template) if self.template else ""
        if not self.values:
            return template
        if not fillable(self.template):
            return self.template
        values = {name: _said(value, translate) for name, value in self.values.items()}
        try:
            return filled(template, self.template, values)
        except UNFILLED:
            return self.template


@lru_cache(maxsize=1024)
def fillable(template: str) -> bool:
    """Return whether filling a template does no more than to show values: no attributes, no width.

    >>> fillable("{n:,} of {name!r}"), fillable("{n.__class__}"), fillable("{n:>900000000}")
    (True, False, False)
    """
    try:
        fields = [field for field in Formatter().parse(template) if field[1] is not None]
    except ValueError:
        return False
    return len(fields) <= _FIELDS and all(
        re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name or "")
        and _PLAIN_SPEC.fullmatch(spec or "")
        and conversion in {None, "r"}
        for _, name, spec, conversion in fields
    )


def filled(text: str, template: str, values: dict[str, object]) -> str:
    """Fill a translation; one that cannot take these values leaves its English template.

    A value that does not take the form of its place, such as no number at `{n:,}`, is said plainly.

    >>> filled("{m}행", "{n} rows", {"n": 3}), filled("{n:,}행", "{n:,} rows", {"n": None})
    ('3 rows', 'None행')
    """
    try:
        return settled(_formatted(text, values))
    except UNFILLED:
        if text == template:
            raise
        return _formatted(template, values)


def _formatted(text: str, values: dict[str, object]) -> str:
    try:
        return text.format(**values)
    except (ValueError, TypeError, OverflowError):  # what says a fault has none
        return _PLAINLY.vformat(text, (), values)


class _Plainly(Formatter):
    """Formats as `str.format` does, but says a value plainly that does not take its form."""

    def format_field(self, value: object, format_spec: str) -> str:
        """Return the value in its form, else as a text."""
        try:
            return format(value, format_spec)
        except (ValueError, TypeError, OverflowError):
            return str(value)


_PLAINLY: Final = _Plainly()


_PARTICLE: Final = re.compile(
    r"(?P<before>[가-힣0-9]|[0-9] ?(?:%p?|ms))"
    r"(?P<either>은\(는\)|이\(가\)|을\(를\)|와\(과\)|과\(와\)|\(으\)로|\(이\)라)"
)
_WHOLE: Final = {"(으)로": "으로", "와(과)": "과", "(이)라": "이라"}
_BARE: Final = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로", "이라": "라"}
_FINALS, _RIEUL = 28, 8  # final consonants of a syllable of Hangul, none among them; that of 로
_AS_READ: Final = "영일이삼사오육칠팔구"  # 십, 백, 천 and 만 end in consonants too
_READ: ContextVar[bool] = ContextVar("digits_are_read", default=True)


@contextmanager
def only_after_hangul() -> Generator[None]:
    """Leave both particles after digits and units, as they were in what has to keep its bytes."""
    token = _READ.set(False)
    try:
        yield
    finally:
        _READ.reset(token)


def settled(text: str) -> str:
    """Return Korean with the particle that what is before it takes; other words keep both.

    Known are Hangul, digits, %, %p and ms, as they are read.

    >>> settled("통과율은(는) 검색 요약을(를) 서울(으)로 x이(가)")
    '통과율은 검색 요약을 서울로 x이(가)'
    >>> settled("3(으)로 1(으)로 12을(를) 95%은(는) 8(이)라고")
    '3으로 1로 12를 95%는 8이라고'
    """
    return _PARTICLE.sub(_particle, text)


def _particle(match: re.Match[str]) -> str:
    before, written = match["before"], match["either"]
    if before.isascii() and not _READ.get():
        return match[0]
    full = _WHOLE.get(written, written[0])
    final = _final(before)
    bare = not final or (full == "으로" and final == _RIEUL)
    return before + (_BARE[full] if bare else full)


def _final(read: str) -> int:
    """Return the final consonant of what is read; units (퍼센트, 포인트, 밀리초) have none."""
    if len(read) > 1:
        return 0
    syllable = _AS_READ[int(read)] if read.isascii() else read
    return (ord(syllable) - ord("가")) % _FINALS


Clause = Phrase | str  # what a sentence is made of; a text is said as it is: a name, a value


def phrase(template: str, /, **values: object) -> Phrase:
    """Make a phrase; `template` is a literal. What is neither a number nor a phrase becomes text.

    Numbers of NumPy and decimals (sums of DuckDB) become Python's own.

    An error of ours is said as its own phrase, the system's as what the system says of it
    (`words.system_templates` has those that are translated).

    >>> str(phrase("{name!r} holds {n:,} rows", name="a.csv", n=1200))
    "'a.csv' holds 1,200 rows"
    """
    return Phrase(template, {name: _value(value) for name, value in values.items()})


def foreign(words: str) -> Phrase:
    """Return what a library or the system says, which is quoted where another language is spoken.

    >>> str(foreign("not a gzipped file"))
    'not a gzipped file'
    """
    return phrase("{words}", words=words)


def several(names: Iterable[Clause], most: int = 8) -> Clause:
    """Return names as a list that stays short, however many there are, as `text.listed` does.

    >>> str(several(map(str, range(1000)), most=2)), several([])
    ('0, 1 and 998 more', '')
    """
    rest = iter(names)
    first = [plain(name, LABEL) if isinstance(name, str) else name for name in islice(rest, most)]
    left_out = sum(1 for _ in rest)
    if left_out:
        return phrase("{names} and {n:,} more", names=first, n=left_out)
    if any(isinstance(name, Phrase) for name in first):
        return phrase("{names}", names=first)
    return ", ".join(map(str, first))


def either(parts: Sequence[Clause]) -> Clause:
    """Return alternatives: a or b or c.

    >>> str(either(["a", "b", "c"]))
    'a or b or c'
    """
    return _chained(parts, lambda left, right: phrase("{one} or {other}", one=left, other=right))


def both(parts: Sequence[Clause]) -> Clause:
    """Return what belongs together: a and b and c.

    >>> str(both(["a", "b"]))
    'a and b'
    """
    return _chained(parts, lambda left, right: phrase("{one} and {other}", one=left, other=right))


def _chained(parts: Sequence[Clause], chain: Callable[[Clause, Clause], Phrase]) -> Clause:
    few = [*parts[:_NAMED], *(["…"] if len(parts) > _NAMED else [])]
    return reduce(chain, few) if few else ""


def _value(value: object) -> Value:
    if value is None or isinstance(value, (bool, int, str, Phrase)):
        return value
    if isinstance(value, (Real, Decimal)):
        return _number(value)
    if isinstance(own := getattr(value, "phrase", None), Phrase):
        return own
    if isinstance(value, OSError):
        return Phrase(value.strerror or str(value))
    if isinstance(value, (tuple, list)):
        parts = (_value(part) for part in cast("tuple[object, ...]", value))
        return tuple(str(part) if isinstance(part, tuple) else part for part in parts)
    return str(value)


def _number(value: Real | Decimal) -> int | float | str:
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _DIGITS:
            return str(value)
        return int(value) if value == value.to_integral_value() else float(value)
    return float(value)


def _said(value: Value, translate: Callable[[str], str]) -> object:
    if isinstance(value, Phrase):
        return value.said(translate)[:_PART]
    if isinstance(value, tuple):
        return ", ".join(str(_said(part, translate)) for part in value)
    return value
