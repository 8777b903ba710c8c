"""The face: what completion and help show, one example a name, and what it costs to import."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

import rolloutlib
from rolloutlib import explore
from rolloutlib.errors import UsageError
from rolloutlib.explore.public import Public
from rolloutlib.explore.review import Review
from rolloutlib.plan.params import ReviewParams
from rolloutlib.plan.workbook import workbook_root
from tests.sample_review import bfcl

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = [f"rolloutlib.explore.{module.name}" for module in pkgutil.iter_modules(explore.__path__)]


def held(kind: type[Any] = Public) -> Iterator[type[Any]]:
    """Yield every class that an analyst holds."""
    for subclass in kind.__subclasses__():
        if subclass.__module__ in MODULES:
            yield subclass
        yield from held(subclass)


def public() -> dict[str, Any]:
    """Return every public name of the face, and every public method of what it gives."""
    for module in MODULES:
        import_module(module)
    names = {name: getattr(rolloutlib, name) for name in rolloutlib.__all__}
    for kind in held():
        own = {name: member for name, member in vars(kind).items() if not name.startswith("_")}
        names |= {f"{kind.__name__}.{name}": member for name, member in own.items()
                  if callable(member) or isinstance(member, property | classmethod)}  # fmt: skip
    return names


def test_every_public_name_has_an_example() -> None:
    """Shift-Tab shows a sentence and an example, which runs as a doctest."""
    names = public()
    assert {"review", "open", "Review.export", "Recorded.gates", "Table.to_pandas"} <= set(names)
    bare = [name for name, member in names.items() if ">>> " not in (inspect.getdoc(member) or "")]
    assert bare == []


def test_completion_shows_what_is_public() -> None:
    """`rl.`, a review, its tables: no helper, no import, nothing with an underscore."""
    review = Review(bfcl().record)
    assert dir(rolloutlib) == sorted(rolloutlib.__all__)
    for thing in (review, review.gates, review.gates.columns):
        names = dir(thing)
        assert not [name for name in names if name.startswith("_")]
        assert not [name for name in names if inspect.ismodule(inspect.getattr_static(thing, name))]
    assert {"gates", "segments", "export", "recommendation"} <= set(dir(review))


@pytest.mark.parametrize(("typo", "meant"), [
    ("gate", "gates"), ("recomendation", "recommendation"), ("to_panda", None), ("_x", None),
])  # fmt: skip
def test_a_typo_is_answered(typo: str, meant: str | None) -> None:
    """The nearest name is named; what resembles nothing is only refused."""
    with pytest.raises(AttributeError) as error:
        getattr(Review(bfcl().record), typo)
    message = str(error.value)
    assert message.startswith(f"Review has no attribute '{typo}'")
    assert message.endswith(f"Did you mean '{meant}'?") == (meant is not None)


def test_help_lists_the_parameters_of_a_review() -> None:
    """`rl.review` has those of `rollout review`, names and defaults, but for the report's."""
    listed = {
        name: parameter.default
        for name, parameter in inspect.signature(rolloutlib.review).parameters.items()
    }  # fmt: skip
    parameters = {
        name: inspect.Parameter.empty if field.is_required() else field.default
        for name, field in ReviewParams.model_fields.items()
        if name not in {"out", "against"}  # of the report
    }
    assert listed == parameters


@pytest.mark.parametrize(("values", "refusal"), [
    ({"stage": 7}, "stage is 7"), ({"lang": "kr"}, "lang"), ({"as_of": "yesterday"}, "as_of"),
    ({"control": "off"}, "off"), ({"runs": "no/such"}, "no such file"), ({"runs": None}, "runs"),
    ({"days": "many"}, "days"), ({"carry": 3}, "carry"),
])  # fmt: skip
def test_impossible_values_are_sentences(
    runs: object, values: dict[str, Any], refusal: str
) -> None:
    """Whatever type a notebook hands in: one sentence that names the parameter."""
    fine: dict[str, Any] = {
        "stage": 2,
        "runs": str(runs),
        "control": "old",
        "treatment": "new",
        "looks": "",
    }
    with pytest.raises(UsageError, match=refusal):
        rolloutlib.review(**fine | values)


def test_modules_that_notebooks_import_list_what_is_public() -> None:
    """`report.` and its neighbours complete to pieces of a page, not to what those are made of."""
    imports = re.compile(
        r"from rolloutlib\.show import ([\w, ]+)|from (rolloutlib\.show\.\w+) import"
    )
    names: set[str] = set()
    for notebook in (workbook_root() / "notebooks").glob("*.ipynb"):
        for several, module in imports.findall(notebook.read_text("utf-8")):
            names |= (
                {module} if module else {f"rolloutlib.show.{name}" for name in several.split(", ")}
            )
    assert "rolloutlib.show.report" in names
    modules = [import_module(name) for name in names]
    assert {module.__name__: dir(module) for module in modules} == {
        module.__name__: sorted(module.__all__) for module in modules
    }
