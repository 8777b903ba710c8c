"""A person goes into roles.yaml, or out of it, and nothing else in the file changes."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from rolloutlib.errors import PlanError
from rolloutlib.ledger.roles_text import UnclearError, with_person, without_person
from rolloutlib.ledger.signers import ROLES_FILE, Roles, load_roles
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from pathlib import Path

NEW = "new@ex.com"
ROLES = ["pm", "qa", "owner", "engine"]
HEAD = "schema: rolloutlib/roles@1\nledger: test\n"
# Every form names pm, qa and owner, or some of them; qa is the one who is taken out.
FORMS = {
    "one a line": "people:\n  pm@ex.com: {name: P, roles: [pm]}\n  qa@ex.com: {name: Q, roles: [qa]}\n",
    "block": "people:\n  pm@ex.com:\n    name: P\n    roles: [pm]\n  qa@ex.com:\n    name: Q\n    roles: [qa]\n",
    "block roles": "people:\n    qa@ex.com:\n        name: Q\n        roles:\n        - qa\n        - pm\n"
    "    pm@ex.com:\n        roles:\n            - pm\n        name: P\n",
    "roles at the left": "people:\n  pm@ex.com:\n    name: P\n    roles:\n    - pm\n  qa@ex.com:\n    roles:\n    - qa\n    name: Q\n",
    "double quotes": 'people:\n  "pm@ex.com": {"name": "P", "roles": ["pm"]}\n  "qa@ex.com": {name: "Q: #1", roles: [qa]}\n',
    "single quotes": "people:\n  'qa@ex.com': {name: 'Q''s', roles: ['qa']}\n  'pm@ex.com': {name: P, roles: [pm]}\n",
    "comments": "people: # whom we know\n  # the PM\n  pm@ex.com: {name: P, roles: [pm]} # since May\n\n  # QA: two # signs\n"
    "  qa@ex.com:   # since June\n    name: Q   # short\n    roles: [qa]   # one\n  # the owner\n\n"
    "  owner@ex.com: {name: O, roles: [owner]}\n  # nobody else\n\n# who signs this file\nkeys: [owner] # one\n",
    "not last": "people:\n  qa@ex.com: {name: Q, roles: [qa]}\n# about keys\nkeys: [owner]\n",
    "alone": "people:\n  qa@ex.com: {name: Q, roles: [qa]}\n",
    "alone, block": "people: # all\n  # only QA\n  qa@ex.com:\n    name: Q\n    roles:\n      - qa\n\n# the end\n",
    "alone, flow": "people: {qa@ex.com: {name: Q, roles: [qa]}}\n",
    "flow": "people: {pm@ex.com: {name: P, roles: [pm]}, qa@ex.com: {name: Q, roles: [qa]}}\n",
    "flow, first": "people: {qa@ex.com: {name: Q, roles: [qa]}, pm@ex.com: {name: P, roles: [pm]}} # all\n",
    "flow on lines": "people: {\n  # PM\n  pm@ex.com: {name: P, roles: [pm]}, # May\n  qa@ex.com: {name: Q, roles: [qa]} # June\n}\n",
    "flow with a last comma": "people: {\n  pm@ex.com: {name: P, roles: [pm]},\n  qa@ex.com: {name: Q, roles: [qa]},\n}\n",
    "flow as JSON": 'people: {"pm@ex.com": {"name": "P", "roles": ["pm"]},\n  "qa@ex.com": {"name": "Q", "roles": ["qa"]}}\n',
    "flow over lines": "people:\n  qa@ex.com: {name: Q,\n    roles: [qa,\n      pm]}\n  pm@ex.com: {name: P, roles: [pm]}\n",
    "no line end": "people:\n  pm@ex.com: {name: P, roles: [pm]}\n  qa@ex.com: {name: Q, roles: [qa]}",
    "blank lines": "people:\n\n\n  qa@ex.com: {name: Q, roles: [qa]}\n\n\n",
    "end of document": "people:\n  qa@ex.com: {name: Q, roles: [qa]}\n...\n",
    "anchor": "people: &all\n  pm@ex.com: &p {name: P, roles: [pm]}\n  qa@ex.com: &q\n    name: Q\n    roles: &r [qa]\n",
    "tags": "people: !!map\n  pm@ex.com: {name: !!str P, roles: [pm]}\n  qa@ex.com: !!map {name: !!str Q, roles: !!seq [qa]}\n",
    "folded name": "people:\n  pm@ex.com: {name: P, roles: [pm]}\n  qa@ex.com:\n    roles: [qa]\n    name: >-\n      Q\n      R\n\n# end\n",
    "kept name": "people:\n  qa@ex.com:\n    roles: [qa]\n    name: |+\n      Q\n\n\n  pm@ex.com: {name: P, roles: [pm]}\n",
    "asked keys": "people:\n  ? pm@ex.com\n  : {name: P, roles: [pm]}\n  ? qa@ex.com\n  : name: Q\n    roles: [qa]\n",
    "the address as a name": "people:\n  pm@ex.com: {name: 'qa@ex.com: {', roles: [pm]} # qa@ex.com:\n  # qa@ex.com: {name: Old}\n"
    "  qa@ex.com: {name: qa@ex.com, roles: [qa]}\n",
    "longer addresses": "people:\n  aqa@ex.com: {name: A, roles: [pm]}\n  qa@ex.com: {name: Q, roles: [qa]}\n  qa@ex.com.au: {name: B, roles: [pm]}\n",
    "Korean": "people:\n  pm@ex.com: {name: 김민지, roles: [pm]} # 담당\n  qa@ex.com: {name: 이준 🙂, roles: [qa]}\n",
}  # fmt: skip
WITHOUT_ANYBODY = {
    "empty": "people: {}\n",
    "empty, spaced": "people:   { }   # nobody yet\n",
    "empty on lines": "people: {\n  # nobody\n}\n",
    "empty, not last": "people: {}\nkeys: [owner]\n",
    "missing": "",
    "missing, with comments": "keys: [owner] # one\n# the end\n",
    "missing, block roles": "keys:\n  - owner\n\n# the end\n",
}


def read(folder: Path, text: str) -> Roles:
    """Read a text as the ledger reads roles.yaml."""
    (folder / ROLES_FILE).parent.mkdir(exist_ok=True)
    (folder / ROLES_FILE).write_bytes(text.encode())
    return load_roles(folder)


def with_one(roles: Roles, who: str, name: str, *own: str) -> Roles:
    """Return roles with a person more."""
    people = {**roles.people, who: {"name": name, "roles": own}}
    return Roles.model_validate(roles.model_dump(by_alias=True) | {"people": people})


def without_one(roles: Roles, who: str) -> Roles:
    """Return roles with a person less."""
    people = {other: person for other, person in roles.people.items() if other != who}
    return roles.model_copy(update={"people": people})


def within(part: str, whole: str) -> bool:
    """Tell whether a text is another one with some characters left out."""
    rest = iter(whole)
    return all(character in rest for character in part)


def ends(text: str) -> tuple[str, ...]:
    """Return a text with the line ends of two systems, each with and without comments above."""
    return (HEAD + text, (HEAD + text).replace("\n", "\r\n"), f"# one\n---\n{HEAD}\n{text}")


@pytest.mark.parametrize("form", [*FORMS, *WITHOUT_ANYBODY])
def test_a_person_goes_in(tmp_path: Path, form: str) -> None:
    """In every form the person is there afterwards, and every line of before still is."""
    for text in ends((FORMS | WITHOUT_ANYBODY)[form]):
        before = read(tmp_path, text)
        made = with_person(text, NEW, "No", ["qa", "pm"])
        assert read(tmp_path, made) == with_one(before, NEW, "No", "qa", "pm"), made
        assert ("\r\n" in made) == ("\r\n" in text)
        assert within(re.sub(r"people: *\{ *\}", "people:", text), made), made
        once = read(tmp_path, made)
        again = with_person(made, "z@ex.com", "Z", ["pm"])
        assert read(tmp_path, again) == with_one(once, "z@ex.com", "Z", "pm")


@pytest.mark.parametrize("form", FORMS)
def test_a_person_goes_out(tmp_path: Path, form: str) -> None:
    """In every form the person is gone afterwards, the others and the comments are not."""
    for text in ends(FORMS[form]):
        before = read(tmp_path, text)
        made = without_person(text, "qa@ex.com")
        assert read(tmp_path, made) == without_one(before, "qa@ex.com"), made
        assert within(made.replace("people: {}", "people:"), text), made
        comments = [line for line in text.splitlines() if line.strip().startswith("#")]
        assert [line for line in comments if line not in made.splitlines()] == []


@pytest.mark.parametrize("form", FORMS)
def test_in_and_out_again(tmp_path: Path, form: str) -> None:
    """Who is put in and taken out leaves the people that were there."""
    for text in ends(FORMS[form]):
        made = without_person(with_person(text, NEW, "N", ["pm"]), NEW)
        assert read(tmp_path, made) == read(tmp_path, text)


def written(rng: random.Random) -> str:
    """Return some people's roles.yaml in one of the styles that YAML writers have, with comments."""
    names = [
        "Kim",
        "O'Brien",
        "a: b",
        "# x",
        "이준",
        "{x}",
        "yes",
        "- a",
        "a\nb",
        "a ",
        "🙂",
        '"q"',
    ]
    people = {
        f"p{number}@ex.com": dict(
            rng.sample([("name", rng.choice(names)), ("roles", rng.sample(ROLES, 2))], 2)
        )
        for number in rng.sample(range(9), rng.randint(0, 4))
    }
    parts = [("schema", "rolloutlib/roles@1"), ("ledger", "test"), ("people", people)]
    text = yaml.dump(
        dict(rng.sample(parts, 3)), default_flow_style=rng.choice([None, True, False]),
        indent=rng.choice([2, 3, 6]), default_style=rng.choice([None, None, '"', "'"]),
        width=rng.choice([30, 80]), allow_unicode=rng.random() < 0.5,
        explicit_start=rng.random() < 0.5, explicit_end=rng.random() < 0.2, sort_keys=False,
    )  # fmt: skip
    lines = [
        line + rng.choice(["", "", "\n  # p1@ex.com: {", "\n", "   # t" if line else ""])
        for line in text.removesuffix("\n").split("\n")
    ]
    return rng.choice(["\n", "\r\n"]).join("\n".join(lines).split("\n")) + rng.choice(["", "\n"])


def test_whatever_a_yaml_writer_wrote(tmp_path: Path) -> None:
    """Files in random styles: in and out give what is meant, or a refusal that names the line."""
    edits = refusals = 0
    for seed in range(2000 if EXHAUSTIVE else 150):
        text = written(random.Random(seed))  # noqa: S311 -- styles, no secrets
        try:
            before = read(tmp_path, text)
        except PlanError:  # a comment within a quoted name
            continue
        meant = {who: without_one(before, who) for who in before.people}
        meant[""] = with_one(before, NEW, "Yes", "qa")
        for who, roles in meant.items():
            try:
                made = without_person(text, who) if who else with_person(text, NEW, "Yes", ["qa"])
            except UnclearError as error:
                refusals += str(error).startswith("line ")
                continue
            assert read(tmp_path, made) == roles, text
            edits += 1
    assert edits > 100
    assert refusals < edits / 100


@pytest.mark.parametrize(
    "name",
    ["Yes", "null", "~", "1", "1e3", "2026-01-01", "- a", "? a", "*a", "&a b", "!a", "|", ">", "%a",
     "@a", "`a", "'a'", "a 'b'", " a", "a ", "=", "<<", "0x1f", "1_000", "on", "김", "🙂", "a|b", "..."],
)  # fmt: skip
def test_a_name_stays_text(tmp_path: Path, name: str) -> None:
    """A name that YAML would read as something else is quoted."""
    made = with_person(f"{HEAD}people: {{}}\n", NEW, name, ["pm"])
    assert read(tmp_path, made).people[NEW].name == name


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("? people\n: qa@ex.com: {name: Q, roles: [qa]}\n", 4),
        ("people:\n  qa@ex.com: {name: Q, roles: [qa]}\rkeys: [owner]\n", 4),
        ("ledger2: 1\x85people:\n  qa@ex.com: {name: Q, roles: [qa]}\n", 3),
    ],
)
def test_what_is_unclear_is_refused_by_line(text: str, line: int) -> None:
    """Where the lines of a person cannot be told, the refusal says which line."""
    with pytest.raises(UnclearError, match=f"^line {line}: expected"):
        without_person(HEAD + text, "qa@ex.com")
