"""What clients say of a person, in any type: nobody gets more than the plan gives.

Stages × cohorts × wishes × refusals, through the real client, against rules written by hand.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from openfeature.evaluation_context import EvaluationContext

from rolloutlib.flags.client import flag_client
from rolloutlib.flags.document import FlagFiles, FlagState, document, switch
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import STAGES, StageId

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient

PLAN = load_plan(Path(__file__).parents[2] / "params" / "plan.yaml")
ABSENT: Final = object()
ODD: Final = (
    "true", "True", "TRUE", "false", "False", "yes", "no", "", " ", "1", "0", 0, 1, 2, -1, 0.0, 1.0,
    float("nan"), Decimal(1), Decimal("1.0"), Decimal(0), Fraction(1), (), [], [True], [False],
    ["true"], [[True]], {}, {"optIn": True}, {"var": "optIn"}, b"true",
    datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip
WISHES: Final = (ABSENT, None, True, False, *ODD)
COHORTS: Final = (
    ABSENT, None, "internal", "dogfood", "beta_optin", "Internal", "INTERNAL", " internal",
    "internal ", "internal\n", "beta_optin ", "beta optin", ["internal"], ["beta_optin"], {}, 1,
    True, "internal,dogfood", "everyone", "opted_in",
)  # fmt: skip


def _refuses(opt_out: object) -> bool:
    return not (opt_out is ABSENT or opt_out is None or opt_out is False)


def _wishes(cohort: object, opt_in: object, opt_out: object) -> bool:
    return (opt_in is True or cohort == "beta_optin") and not _refuses(opt_out)


def _search(stage: StageId, cohort: object, opt_in: object, opt_out: object) -> bool:
    """Section 3 of the plan: by wish, then unless refused, then for all."""
    by_stage = (False, False, _wishes(cohort, opt_in, opt_out), not _refuses(opt_out), True)
    return by_stage[stage]


def _context(cohort: object, opt_in: object, opt_out: object) -> EvaluationContext:
    attributes: dict[str, Any] = {"cohort": cohort, "optIn": opt_in, "optOut": opt_out}
    return EvaluationContext(
        attributes={key: value for key, value in attributes.items() if value is not ABSENT}
    )


def _state(client: OpenFeatureClient, context: EvaluationContext) -> dict[str, Any]:
    state: Any = client.get_object_value("rollout.state", {}, context)
    return state


@pytest.mark.parametrize("stage", STAGES)
def test_nobody_gets_more_than_the_plan_gives(tmp_path: Path, stage: StageId) -> None:
    """Every cohort, every wish and every refusal, in every type: exactly what the table says."""
    path = tmp_path / "flags.json"
    files = FlagFiles(time.time_ns)
    switch(files, path, document(PLAN, FlagState(stage, stage + 1)), before=None)
    people = [*product(COHORTS, (ABSENT, True, "true"), (ABSENT, True, False, "true"))]
    people += [*product((ABSENT, "internal", "beta_optin"), WISHES, (ABSENT, None, True, False))]
    people += [*product((ABSENT, "internal", "beta_optin"), (ABSENT, True), WISHES)]
    with flag_client(path) as client:
        for cohort, opt_in, opt_out in people:
            about = _context(cohort, opt_in, opt_out)
            search = _search(stage, cohort, opt_in, opt_out)
            tags = stage > 0 or cohort == "internal"
            state = _state(client, about)
            got = state.get("feature.searchLite"), state.get("feature.autoTagging")
            assert got == (search, tags), (cohort, opt_in, opt_out)
            alone = client.get_boolean_value("feature.searchLite", not search, about)
            assert alone is search, (cohort, opt_in, opt_out)


@pytest.mark.parametrize("stage", STAGES)
def test_what_an_earlier_version_wrote_gives_the_same_to_who_says_true_or_false(
    tmp_path: Path, stage: StageId
) -> None:
    """Its files stay valid: they differ only where a client says something else."""
    from rolloutlib.flags import document as documents

    state, states = FlagState(stage, 1), list[list[Any]]()
    for form in (documents._NEWEST, documents._FIRST):  # noqa: SLF001  # both ways to write it
        path = tmp_path / "flags.json"
        data = documents._document(PLAN, state, form)  # noqa: SLF001
        switch(FlagFiles(time.time_ns), path, data, before=None)
        people = product(("internal", "dogfood", ABSENT), (True, False, ABSENT), (False, ABSENT))
        with flag_client(path) as client:
            states.append([_state(client, _context(*person)) for person in people])
            states[-1].append(_state(client, _context(ABSENT, ABSENT, True)))  # noqa: FBT003
    assert states[0] == states[1]
