"""The tools whose files are recognised; the first that recognises them wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rolloutlib.drafts import (
    alpaca,
    deepeval,
    helm,
    inspect,
    jmeter,
    k6,
    langfuse,
    lm_eval,
    locust,
    mlflow,
    mt_bench,
    openai_evals,
    otel,
    promptfoo,
    ragas,
)

if TYPE_CHECKING:
    from rolloutlib.drafts.record import Preset

__all__ = ["PRESETS"]

PRESETS: Final[tuple[Preset, ...]] = (
    promptfoo.PRESET, lm_eval.PRESET, inspect.PRESET, openai_evals.PRESET, deepeval.PRESET,
    ragas.PRESET, mlflow.PRESET, helm.PRESET, alpaca.PRESET, mt_bench.PRESET, langfuse.PRESET,
    otel.PRESET, jmeter.PRESET, k6.PRESET, locust.PRESET,
)  # fmt: skip
