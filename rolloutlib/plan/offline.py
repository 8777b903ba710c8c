"""The plan of offline evals: params/eval.yaml → EvalPlan. Two outputs of an eval tool, no stage.

It has no stages, looks, flags or checks, so that its gates are judged by the evidence alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from rolloutlib.errors import UsageError, did_you_mean
from rolloutlib.phrase import phrase
from rolloutlib.plan.gates import Count, Decides, Effect, Evidence, Gate, Model, Profile
from rolloutlib.plan.strict_yaml import load_model

__all__ = ["SHIPPED", "EvalGate", "EvalPlan", "eval_schema", "load_eval_plan", "nearest_eval_plan"]

SHIPPED: Final = Path(__file__).with_name("eval.yaml")
STAGED: Final = ("runs_averaged", "unseen", "outages", "carries", "looks_file")
MARGINS: Final = {"passed": 1.0, "score": 10.0}  # a margin is a share of the metric's range


class EvalGate(Gate):
    """A gate that both files are compared by.

    Attributes:
        where: `always` is open where nothing is known of its metric; `present` then does not apply.
            What one arm alone knows leaves it open either way.
    """

    where: Literal["always", "present"] = "always"

    @model_validator(mode="after")
    def _of_no_stage(self) -> Self:
        for name in ("proof", "unseen"):
            if getattr(self, name):
                raise ValueError(
                    phrase("{name} is of stages, and a comparison of files has none", name=name)
                )
        if not (isinstance(self.limit, float) and isinstance(self.alternative, float)):
            raise ValueError(  # noqa: TRY004 -- pydantic turns ValueError alone into a sentence
                phrase("limit and alternative are numbers here: there are no profiles")
            )
        return self


class EvalEvidence(Evidence):
    """How the evidence of two files is judged: without rules of a stage's runs and looks."""

    runs_averaged: Count = 1

    @model_validator(mode="after")
    def _of_no_stage(self) -> Self:
        if staged := [name for name in STAGED if name in self.model_fields_set]:
            raise ValueError(
                phrase(
                    "{staged} is of stages, and a comparison of files has none", staged=staged[0]
                )
            )
        return self


class EvalDecides(Decides):
    """What a finding beside the gates does; see params/eval.yaml.

    Attributes:
        identical: of outcomes that differ between prompts, and in none between the files.
        scorers: of a further scorer that falls significantly, and that no gate is about.
    """

    identical: Effect = "hold"
    scorers: Effect = "hold"


class EvalPlan(Model):
    """What two files are compared by; see params/eval.yaml, whose sections these are.

    Attributes:
        needs: gates of which one has to be judged, so that speed alone is no GO.
        differs: segments in which the arms may differ: what is compared. In every other one, in
            category, difficulty and the text of the prompt, a prompt is the same in both.
    """

    schema_: Annotated[Literal["rolloutlib/eval@1"], Field(alias="schema")]
    name: str
    gates: Annotated[dict[str, EvalGate], Field(min_length=1)]
    needs: Annotated[tuple[str, ...], Field(min_length=1)]
    differs: tuple[str, ...] = ()
    evidence: EvalEvidence
    decides: EvalDecides = EvalDecides()

    @model_validator(mode="after")
    def _needs_its_gates(self) -> Self:
        if other := next((key for key in self.needs if key not in self.gates), None):
            names, hint = ", ".join(self.gates), did_you_mean(other, self.gates)
            raise ValueError(
                phrase(
                    "needs has {other!r}; the plan's gates are {known}.{hint}",
                    other=other,
                    known=names,
                    hint=hint,
                )
            )
        return self

    def profile(self, name: str) -> Profile:  # noqa: ARG002 -- whatever the files name
        """Return thresholds that bind nothing: eval files are of no guardian profile."""
        return Profile(min_score=0.0, max_latency_ms=self.evidence.timeout_cap_ms)

    def with_margin(self, margin: float | None) -> EvalPlan:
        """Return the plan with another margin of pass rate and score, a share of their range.

        Raises:
            UsageError: no gate has such a margin.
        """
        if margin is None:
            return self
        moved = {
            key: gate.model_copy(update={"limit": -margin * MARGINS[gate.metric], "tolerance": 0.0})
            for key, gate in self.gates.items()
            if gate.metric in MARGINS and gate.contrast == "difference"
        }
        if not moved:
            raise UsageError("--margin is of gates on passed or score; the plan has none of them")
        return self.model_copy(update={"gates": {**self.gates, **moved}})

    def allowing(self, names: tuple[str, ...]) -> EvalPlan:
        """Return the plan that lets the arms differ in these too."""
        return self.model_copy(update={"differs": (*self.differs, *names)}) if names else self


def load_eval_plan(path: Path) -> EvalPlan:
    """Read and validate a plan of offline evals.

    >>> load_eval_plan(SHIPPED).needs
    ('pass_rate', 'avg_score')

    Raises:
        PlanError: it is missing or wrong; the message names file, key, value and what is allowed.
    """
    return load_model(path, EvalPlan)


def nearest_eval_plan(start: Path | None = None) -> Path:
    """Return params/eval.yaml of the nearest folder at or above `start`, else what is shipped."""
    origin = (start or Path.cwd()).resolve()
    places = (folder / "params" / "eval.yaml" for folder in (origin, *origin.parents))
    return next((path for path in places if path.is_file()), SHIPPED)


def eval_schema() -> dict[str, Any]:
    """Return the JSON Schema of eval.yaml, for editors (params/eval.schema.json)."""
    return EvalPlan.model_json_schema(by_alias=True)
