"""MT-bench (FastChat's llm_judge): JUDGE_single.jsonl and JUDGE_pair.jsonl.

Single: a line a question, turn and model, `score` from 1 to 10 and -1 where none could be read.
Pair: two games a line with the answers in both orders, each won by `model_1`, `model_2`, `tie`, or
`error`; two games that disagree are a tie, as the tool's own table counts them.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from rolloutlib.drafts.record import Preset
from rolloutlib.drafts.tool import ToolDraft
from rolloutlib.errors import RunsError
from rolloutlib.reason import because

if TYPE_CHECKING:
    from rolloutlib.drafts.peek import Peek
    from rolloutlib.drafts.record import Draft

__all__ = ["PRESET"]

_SINGLE: Final = frozenset({"question_id", "model", "judge", "score", "turn", "tstamp"})
_PAIR: Final = frozenset({"question_id", "model_1", "model_2", "g1_winner", "g2_winner", "judge"})
_TEXTS: Final = frozenset(
    {"user_prompt", "judgment", "g1_user_prompt", "g2_user_prompt", "g1_judgment", "g2_judgment"}
)
_GAMES: Final = ("model_1", "model_2", "tie")


def _recognises(peek: Peek) -> bool:
    columns = {*peek.columns}
    return columns >= _SINGLE or columns >= _PAIR


def _drafts(peek: Peek) -> Draft:
    making = ToolDraft(peek, PRESET.name, PRESET.title)
    if peek.arms and {*peek.columns} >= _PAIR:
        raise RunsError(
            "{file} and the other path hold both models of each judgment; expected one path: "
            "rollout source {file}.",
            file=peek.first.name,
        )
    making.take("prompt_id", "question_id")
    if "tstamp" in peek.columns:
        making.take("started_at", "tstamp", unit="s")
    making.segment("judge", "judge.0")
    making.taken.add("judge")
    if "turn" in peek.columns:
        making.segment("turn", "turn")
    if {*peek.columns} >= _SINGLE:
        models = tuple(dict.fromkeys(map(str, making.cells("model"))))
        making.take("arm", "model", because("draft.arm", count=len(models), values=models))
        making.take("score", "score", scale=[1, 10], none=[-1])
        return making.draft("*.jsonl", texts=_TEXTS)
    return _pair(making)


def _pair(making: ToolDraft) -> Draft:
    """Map judgments of two models: both halves of a line are one pair."""
    pairs = Counter((str(row["model_1"]), str(row["model_2"])) for row in making.rows)
    (first, second), _ = pairs.most_common(1)[0]
    making.taken |= {"model_1", "model_2", "g1_winner", "g2_winner", "m1_score", "m2_score"}
    wide = {first: {"score": _won("model_1")}, second: {"score": _won("model_2")}}
    further: dict[str, Any] = {"wide": wide}
    if len(pairs) > 1:
        further = {"where": {"model_1": first, "model_2": second}, **further}
        making.notes["where"] = because("draft.pair", pairs=len(pairs))
    making.notes["wide"] = because("draft.games")
    return making.draft("*.jsonl", texts=_TEXTS, **further)


def _won(model: str) -> dict[str, Any]:
    """Return where the score of one model stands: 1 for two games won, a half for a tie."""
    values: dict[str, float] = {}
    for first in _GAMES:
        for second in _GAMES:
            won = first == second and first != "tie"
            values[f"{first}/{second}"] = (1.0 if first == model else 0.0) if won else 0.5
    broken = [f"error/{game}" for game in (*_GAMES, "error")] + [f"{game}/error" for game in _GAMES]
    games = ["g1_winner", "g2_winner"]
    return {"column": games, "values": values, "scale": [0, 1], "none": broken}


PRESET: Final = Preset("mt_bench", "MT-bench", _recognises, _drafts)
