"""Every command, killed at a random moment and given again: as if nothing had happened."""

from __future__ import annotations

import random
import shutil
from signal import SIGKILL
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rolloutlib.flags.document import FLAGS, SESSION, FlagState, document, session_defaults
from rolloutlib.plan.model import load_plan
from tests.faults.killing import Ran, Seen, committed, look, run
from tests.ledger.workbooks import PEOPLE, PREPARER, ROOT, keys
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BY = ("--by", PREPARER)
PLAN = load_plan(ROOT / "params" / "plan.yaml")
SIGN = ("sign", "{id}", "--as")


class Case(NamedTuple):
    """A command that is killed.

    Attributes:
        state: the workbook in which it runs.
        arguments: the command; `{id}` is the decision, `{keys}` the folder of keys.
        kills: how many of 250 in `make faults`; a tenth in `make test`.
        also: what the same command may say the second time instead of success: it was done.
        told: whether texts are the same, too. A rollback that is killed between switch and record
            is recorded by the next one, which no longer knows which flags had been on.
    """

    state: str
    arguments: tuple[str, ...]
    kills: int
    also: str = ""
    told: bool = True

    @property
    def times(self) -> int:
        """How often the command is killed here."""
        return self.kills if EXHAUSTIVE else round(self.kills / 10)


def _add(who: str, name: str, role: str) -> tuple[str, ...]:
    key = f"{{keys}}/{who}.pub"
    return ("keys", "add", f"{who}@ex.com", "--name", name, "--role", role, "--key", key, *BY)


CASES = {
    "keys add, empty ledger": Case("reviewed", _add("leaver", "Yes", "qa"), 16),
    "keys add": Case("signed", _add("leaver", "Yes", "qa"), 32),
    "keys revoke": Case("signed", ("keys", "revoke", "qa_lee@ex.com", *BY), 24),
    "keys revoke, two keys": Case("two keys", ("keys", "revoke", "qa_lee@ex.com", *BY), 20),
    "keys accept": Case("edited", ("keys", "accept", *BY), 16),
    "decide": Case("reviewed", ("decide", "reports/w3", "--verdict", "GO", *BY), 24),
    "sign": Case("decided", (*SIGN, "pm", "--key", "{keys}/pm_kim"), 26, "has signed"),
    "promote": Case("signed", ("promote", "{id}"), 26),
    "rollback": Case("promoted", ("rollback", "--reason", "latency"), 28, told=False),
    "flags init": Case("new", ("flags", "init"), 8),
    "ledger --cards": Case("no cards", ("ledger", "--cards"), 8),
    "ingest": Case("new", ("ingest", "data/examples/story/stage-2", "--into", "data/store"), 8),
    "review": Case("reviewed", ("review", "2", "--out", "reports/w4"), 4),
    "export": Case("signed", ("export", "{id}", "--dsse", "--key", "{keys}/pm_kim"), 4),
    "plan-page": Case("new", ("plan-page",), 3),
    "schema": Case("new", ("schema",), 3),
}


def _said(ran: Ran, *codes: int) -> str:
    assert ran.code in (codes or (0,)), ran
    return ran.said


class Shelf:
    """Workbooks in the states that the commands start from, each made once by the commands."""

    def __init__(self, folder: Path) -> None:
        """Make nothing yet."""
        self.folder, self.id = folder, ""
        self._makers = {
            "new": self._new, "reviewed": self._reviewed, "decided": self._decided,
            "signed": self._signed, "promoted": self._promoted, "two keys": self._two_keys,
            "edited": self._edited, "no cards": self._no_cards,
        }  # fmt: skip
        self._unkilled: dict[str, tuple[Ran, Seen]] = {}

    def state(self, name: str) -> Path:
        """Return the workbook in this state; nobody writes into it."""
        root = self.folder / f"is {name}"
        if not root.is_dir():
            self._makers[name](root)
            committed(root)
        return root

    def copy(self, state: str, name: str) -> Path:
        """Return a copy of the workbook in a state."""
        return shutil.copytree(self.state(state), self.folder / name, symlinks=True)

    def arguments(self, case: Case) -> list[str]:
        """Return a case's command."""
        return [part.format(id=self.id, keys=keys()) for part in case.arguments]

    def unkilled(self, name: str) -> tuple[Ran, Seen]:
        """Return what the command does when nobody kills it."""
        if name not in self._unkilled:
            root = self.copy(CASES[name].state, f"unkilled {name}")
            ran = run(root, *self.arguments(CASES[name]))
            self._unkilled[name] = (ran, look(root))
        return self._unkilled[name]

    def _new(self, root: Path) -> None:
        for folder in ("params", "notebooks", "data/examples/story/stage-2"):
            shutil.copytree(ROOT / folder, root / folder)
        (root / "docs" / "LEDGER").mkdir(parents=True)
        shutil.copy(ROOT / ".gitignore", root)
        shutil.copy(ROOT / ".gitattributes", root)
        shutil.copy(ROOT / "requirements.lock", root)
        for name in (FLAGS, SESSION):
            (root / name).unlink()

    def _reviewed(self, root: Path) -> None:
        shutil.copytree(self.state("new"), root)
        state = FlagState(2, 1)
        (root / FLAGS).write_bytes(document(PLAN, state))
        (root / SESSION).write_bytes(session_defaults(PLAN, state))
        _said(run(root, "review", "2", "--out", "reports/w3"))
        for who, (name, role) in PEOPLE.items():
            _said(run(root, *(part.format(keys=keys()) for part in _add(who, name, role))))

    def _decided(self, root: Path) -> None:
        shutil.copytree(self.state("reviewed"), root)
        output = _said(run(root, "decide", "reports/w3", "--verdict", "GO", *BY))
        self.id = output.partition(":")[0]

    def _signed(self, root: Path) -> None:
        shutil.copytree(self.state("decided"), root)
        for who in ("pm_kim", "qa_lee", "owner_park"):
            key = str(keys() / who)
            _said(run(root, "sign", self.id, "--as", PEOPLE[who][1], "--key", key))

    def _promoted(self, root: Path) -> None:
        shutil.copytree(self.state("signed"), root)
        _said(run(root, "promote", self.id))

    def _two_keys(self, root: Path) -> None:
        shutil.copytree(self.state("signed"), root)
        key = str(keys() / "stranger.pub")
        _said(run(root, "keys", "add", "qa_lee@ex.com", "--key", key, *BY))

    def _edited(self, root: Path) -> None:
        shutil.copytree(self.state("signed"), root)
        roles = root / "params" / "roles.yaml"
        roles.write_text(roles.read_text("utf-8").replace("[engine]", "[engine, qa]"), "utf-8")

    def _no_cards(self, root: Path) -> None:
        shutil.copytree(self.state("signed"), root)
        for card in (root / "docs" / "LEDGER").glob("dec-*.md"):
            card.write_text("# another decision\n", encoding="utf-8")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Return the workbooks of this run."""
    return Shelf(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.times])
def test_a_killed_command_is_finished_by_the_same_one(
    shelf: Shelf, name: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """SIGKILL at a random moment of its own run time; then the same command, and all is well.

    25 kills here and 250 in `make faults`. All is well: the same files (no temporary one is left),
    the same `git status`, the same texts and the same answer of `rollout verify` as without a kill.
    """
    case = CASES[name]
    ran, _ = shelf.unkilled(name)
    rng, met, wrong = random.Random(name), 0, list[str]()  # noqa: S311
    for number in range(case.times):
        root = shelf.copy(case.state, f"{name} {number}")
        killed = run(root, *shelf.arguments(case), kill_after_s=rng.uniform(0, ran.seconds))
        met += killed.code == -SIGKILL
        again = run(root, *shelf.arguments(case))
        if differs := _differs(shelf, name, root, again):
            wrong.append(f"killed after {killed.seconds:.3f} s: {differs}; then {again}")
        else:
            shutil.rmtree(root)
    record_testsuite_property(f"{name}: killed while running", met)
    assert wrong == []


def _differs(shelf: Shelf, name: str, root: Path, again: Ran) -> str:
    """Say what is not as after the same command that nobody killed."""
    ran, expected = shelf.unkilled(name)
    case = CASES[name]
    if again.code != ran.code and not (case.also and case.also in again.said):
        return f"exit code {again.code}, not {ran.code}"
    actual = look(root)
    if names := actual.files ^ expected.files:
        return f"files {sorted(names)}"
    if lines := actual.changed ^ expected.changed:
        return f"git status {sorted(lines)}"
    texts = [
        text_name
        for text_name in actual.texts
        if actual.texts[text_name] != expected.texts[text_name]
    ]
    if texts and case.told:
        return f"texts {texts}"
    return "" if actual.verified == expected.verified else f"verify {actual.verified}"
