"""Who is asked what under which flags: the engine's command, prompts of a file, flag sets."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.files import bounded_text
from rolloutlib.phrase import either, foreign, phrase
from rolloutlib.plan.model import Audience
from rolloutlib.plan.workbook import STAGES, StageId
from rolloutlib.runs.quarantine import shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator

    from rolloutlib.plan.model import FlagValue, Plan

MOST_PROMPTS: Final = 100_000_000  # bytes of a file of prompts
AUDIENCES: Final[tuple[Audience, ...]] = get_args(Audience)


class Prompt(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """One line of a prompts file; everything but id and text is handed on to the samples."""

    prompt_id: str
    text: str
    guidelines: str = ""
    user_id: str | None = None
    category: str | None = None
    difficulty: Literal["easy", "medium", "hard"] | None = None

    @property
    def about(self) -> dict[str, str]:
        """What the samples of this prompt carry besides what the engine says."""
        fields: dict[str, str] = msgspec.to_builtins(self)
        return {key: value for key, value in fields.items() if key not in {"text", "guidelines"}}


def engine_command(written: str) -> tuple[str, ...]:
    """Split an engine's command into words as a shell would; no shell ever reads them.

    Raises:
        UsageError: it has no word, or a quote that is never closed.
    """
    try:
        words = tuple(shlex.split(written))
    except ValueError as error:
        raise UsageError(
            "the engine's command {command} cannot be split into words ({why}); expected the "
            "engine's command, such as 'python engine.py'",
            command=shown(written), why=foreign(str(error).lower()),
        ) from None  # fmt: skip
    if not words:
        raise UsageError(
            "the engine's command is empty; expected the engine's command, such as "
            "'python engine.py'"
        )
    return words


def read_prompts(path: Path, n: int, rng: Generator) -> tuple[Prompt, ...]:
    """Draw n prompts of a file without replacement, in the file's order.

    Args:
        path: see `read_all_prompts`.
        n: how many.
        rng: decides which.

    Raises:
        UsageError: as `read_all_prompts`, or the file has fewer than n prompts.
    """
    prompts = read_all_prompts(path)
    if n > len(prompts):
        raise UsageError(
            "--n is {n}, but {path} has {there} prompts; expected at most as many",
            n=n, path=path, there=len(prompts),
        )  # fmt: skip
    drawn: list[int] = rng.permutation(len(prompts))[:n].tolist()
    return tuple(prompts[i] for i in sorted(drawn))


def read_all_prompts(path: Path) -> tuple[Prompt, ...]:
    """Read a file of prompts.

    Args:
        path: JSON Lines of `promptId` and `text` (and `guidelines`, `userId`, `category`,
            `difficulty`), or plain text, a prompt a line.

    Raises:
        UsageError: the file is missing, has a line that is no prompt, or an id twice.
        FileError: it is no text in UTF-8, or larger than a file of prompts can be.
    """
    if not path.is_file():
        raise UsageError("{path}: there is no such file; expected prompts, one a line", path=path)
    lines = bounded_text(path, MOST_PROMPTS).splitlines()
    prompts = tuple(
        _prompt(f"{path}:{number}", number, line, plain=path.suffix != ".jsonl")
        for number, line in enumerate(lines, 1)
        if line.strip()
    )
    if len({prompt.prompt_id for prompt in prompts}) < len(prompts):
        raise UsageError(
            "{path} has a promptId twice; expected each once: pairs are built on it", path=path
        )
    return prompts


def _prompt(where: str, number: int, line: str, *, plain: bool) -> Prompt:
    if plain:
        return Prompt(f"p{number:04d}", line.strip())
    try:
        return msgspec.json.decode(line, type=Prompt)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        deep = isinstance(error, RecursionError)
        raise UsageError(
            "{where}: {why}; expected an object with promptId and text", where=where,
            why=phrase("nested too deep") if deep else foreign(str(error)),
        ) from None  # fmt: skip


def flags_from(written: str, plan: Plan) -> dict[str, FlagValue]:
    """Read a flag set: a stage, its audience unless it is another, and exceptions.

    For example ``1``, ``2:opted_in``, ``3:opted_out`` or
    ``2:opted_in,searchLite=false,mode=explore``.

    Raises:
        UsageError: an unknown stage, audience, flag or value.
    """
    place, *exceptions = written.split(",")
    number, _, audience = place.partition(":")
    stage: StageId | None = next((stage for stage in STAGES if str(stage) == number), None)
    if stage is None:
        raise UsageError(
            "{written!r} names stage {number!r}; expected 0 to 4, as in "
            "2:opted_in,searchLite=false", written=written, number=number,
        )  # fmt: skip
    named = audience or plan.stages[stage].audience
    who: Audience | None = next((each for each in AUDIENCES if each == named), None)
    if who is None:
        raise UsageError(
            "{written!r} names the audience {audience!r}; expected one of {known}.{hint}",
            written=written, audience=audience, known=AUDIENCES,
            hint=did_you_mean(audience, AUDIENCES),
        )  # fmt: skip
    flags = plan.flags_of(stage, who)
    for exception in exceptions:
        key, value = _exception(exception, plan)
        flags[key] = value
    return flags


def stage_of(written: str) -> int:
    """Return the stage that a flag set names, which `flags_from` has read."""
    return int(re.split("[:,]", written, maxsplit=1)[0])


def _exception(written: str, plan: Plan) -> tuple[str, FlagValue]:
    name, _, text = written.partition("=")
    features = {each.flag.removeprefix("feature."): each for each in plan.features.values()}
    if name not in features:
        raise UsageError(
            "{name!r} is no flag; expected one of {known}.{hint}",
            name=name, known=", ".join(features), hint=did_you_mean(name, features),
        )  # fmt: skip
    both: tuple[FlagValue, FlagValue] = (features[name].enabled, features[name].disabled)
    for value in both:
        if str(value).lower() == text:
            return features[name].flag, value
    expected = either([str(value).lower() for value in both])
    raise UsageError("{name} is {text!r}; expected {expected}", name=name, text=text,
                     expected=expected)  # fmt: skip
