"""The flag document against the plan's table, through a real OpenFeature client.

Switching it while clients read.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import threading
import time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rolloutlib.flags.client import flag_client, read_back, resolve, resolve_state
from rolloutlib.flags.document import (
    CONTEXTS,
    FLAGS,
    SESSION,
    FlagFiles,
    FlagsError,
    FlagState,
    changed_features,
    digest_of,
    document,
    initial_state,
    read_flags,
    session_defaults,
    switch,
)
from rolloutlib.flags.state import salvaged_generation
from rolloutlib.ledger.durable import NotWrittenError
from rolloutlib.plan.model import load_plan
from rolloutlib.plan.workbook import STAGES, StageId
from tests.often import EXHAUSTIVE

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
FILES = FlagFiles(time.time_ns)
AUDIENCES = ("internal", "dogfood", "opted_in", "everyone", "opted_out")

# Section 3 of the rollout plan, written out by hand: who has a feature on, by stage, in the order
# of AUDIENCES.
NOBODY, ALL = (False,) * 5, (True,) * 5
INTERNAL_ONLY = (True, False, False, False, False)
OPT_IN_ONLY = (False, False, True, False, False)
UNLESS_OPTED_OUT = (True, True, True, True, False)
TABLE = {
    "feature.searchLite": (NOBODY, NOBODY, OPT_IN_ONLY, UNLESS_OPTED_OUT, ALL),
    "feature.guardianProfiles": (ALL, ALL, ALL, ALL, ALL),
    "feature.autoTagging": (INTERNAL_ONLY, ALL, ALL, ALL, ALL),
    "feature.difficultyDistribution": (INTERNAL_ONLY, ALL, ALL, ALL, ALL),
    "feature.styleGuard": (ALL, ALL, ALL, ALL, ALL),
    "feature.mode": (("exploit",) * 5,) * 5,
}


def _write(path: Path, state: FlagState) -> Path:
    switch(FILES, path, document(PLAN, state), before=None)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A flag file of stage 2, fifth generation."""
    return _write(tmp_path / "flags.json", FlagState(2, 5, "dec-20261122-001"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_client_resolves_the_whole_table_of_the_plan(tmp_path: Path, stage: StageId) -> None:
    """Every feature for every audience, as single flags and inside rollout.state.

    Equals the table written by hand.
    """
    path = _write(tmp_path / "flags.json", FlagState(stage, 7, "dec-20261122-001"))
    with flag_client(path) as client:
        for column, audience in enumerate(AUDIENCES):
            expected = {flag: rows[stage][column] for flag, rows in TABLE.items()}
            assert resolve(client, PLAN, CONTEXTS[audience]) == expected, audience
            state = dict(resolve_state(client, CONTEXTS[audience]))
            about = {
                "guardianProfileId": "default",
                "stage": stage,
                "generation": 7,
                "decision": "dec-20261122-001",
            }
            assert state == expected | about, audience


@pytest.mark.parametrize(
    ("stage", "context", "expected"),
    [
        (0, {"cohort": "internal", "optOut": True}, (False, True)),
        (2, {"cohort": "internal", "optIn": True}, (True, True)),
        (2, {"cohort": "beta_optin"}, (True, True)),
        (2, {"cohort": "beta_optin", "optOut": True}, (False, True)),
        (2, {"optIn": True, "optOut": True}, (False, True)),
        (3, {"cohort": "internal", "optIn": True, "optOut": True}, (False, True)),
        (0, {"cohort": "intern"}, (False, False)),
        (2, {"optIn": "true"}, (False, True)),
    ],
)
def test_people_in_several_audiences(
    tmp_path: Path, stage: StageId, context: dict[str, str | bool], expected: tuple[bool, bool]
) -> None:
    """The narrowest audience that the plan names decides (search, tags).

    What only looks like consent is none.
    """
    path = _write(tmp_path / "flags.json", FlagState(stage, 1))
    with flag_client(path) as client:
        resolved = resolve(client, PLAN, context)
        assert (resolved["feature.searchLite"], resolved["feature.autoTagging"]) == expected
        state = resolve_state(client, context)
    assert {key: state[key] for key in resolved} == resolved


def test_single_flags_and_the_state_agree_for_every_kind_of_person(tmp_path: Path) -> None:
    """All stages × cohorts × opt-in × opt-out.

    The object flag never says anything else than the single flags.
    """
    for stage in STAGES:
        path = _write(tmp_path / "flags.json", FlagState(stage, stage + 1))
        with flag_client(path) as client:
            for cohort, opt_in, opt_out in product(
                ("internal", "dogfood", ""), (True, False), (True, False)
            ):
                context: dict[str, str | bool] = {
                    "cohort": cohort,
                    "optIn": opt_in,
                    "optOut": opt_out,
                }
                state = resolve_state(client, context)
                assert {key: state[key] for key in TABLE} == resolve(client, PLAN, context)


@pytest.mark.parametrize("stage", STAGES)
def test_a_feature_that_is_off_is_off_for_everybody(tmp_path: Path, stage: StageId) -> None:
    """What a rollback turned off no stage and no audience turns on.

    The generator's preset falls back to exploit.
    """
    off = ("A", "C", "F")
    path = _write(tmp_path / "flags.json", FlagState(stage, 2, "dec-20261122-rollback-001", off))
    with flag_client(path) as client:
        for context in CONTEXTS.values():
            resolved = resolve(client, PLAN, context)
            assert [resolved[PLAN.features[key].flag] for key in off] == [False, False, "exploit"]
            assert resolved["feature.styleGuard"] is True


def test_a_stage_changes_what_the_plan_says() -> None:
    """Section 3: tags and difficulty for internal people, then for all.

    Search summaries last, in three steps.
    """
    assert [changed_features(PLAN, stage) for stage in (0, 1, 2, 3, 4)] == [
        ("C", "D"),
        ("C", "D"),
        ("A",),
        ("A",),
        ("A",),
    ]


def test_the_shipped_file_is_the_first_stage() -> None:
    """The shipped flags.json and session defaults are what the plan asks for in a new workbook."""
    assert (ROOT / FLAGS).read_bytes() == document(PLAN, initial_state(PLAN))
    assert (ROOT / SESSION).read_bytes() == session_defaults(PLAN, initial_state(PLAN))
    assert json.loads((ROOT / SESSION).read_bytes()) == {
        "searchLite": False,
        "mode": "exploit",
        "guardianProfileId": "default",
    }


def test_what_is_written_is_read(file: Path) -> None:
    """The state survives the file, with its digest."""
    state = FlagState(3, 12, "dec-20261122-rollback-004", ("A", "C"), "strict")
    _write(file, state)
    read = read_flags(file)
    assert read.state == state
    assert read.digest == digest_of(document(PLAN, state))


def test_read_back_sees_what_is_wrong(file: Path) -> None:
    """A document of another state, or with one flag edited by hand, is not what was promised."""
    read_back(file, PLAN, FlagState(2, 5, "dec-20261122-001"))
    with pytest.raises(FlagsError, match="for opted_in, expected False"):
        read_back(file, PLAN, FlagState(2, 5, "dec-20261122-001", ("A",)))
    edited = json.loads(file.read_bytes())
    edited["flags"]["feature.styleGuard"]["defaultVariant"] = "off"
    switch(FILES, file, json.dumps(edited).encode(), before=None)
    with pytest.raises(
        FlagsError, match=r"reads feature.styleGuard = False for internal, expected True"
    ):
        read_back(file, PLAN, FlagState(2, 5, "dec-20261122-001"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"(?s).*", b""),
        (r"(?s)(.{200}).*", rb"\1"),
        (r"}\s*$", b""),
        (r"(?s).+", b"[1]"),
        ('"stage": 2', b'"stage": -1'),
        ('"off": ""', b'"off": "Q"'),
        ('"generation": 5', b'"generation": "new"'),
        ('"metadata"', b'"about"'),
    ],
)
def test_a_damaged_file_says_so(file: Path, old: str, new: bytes) -> None:
    """Empty, truncated or edited into nonsense: one sentence that says what to do."""
    file.write_bytes(re.sub(old.encode(), new, file.read_bytes(), count=1))
    with pytest.raises(FlagsError, match=r"flags\.json is damaged \(.+\); .* `rollout rollback`"):
        read_flags(file)


def test_a_damaged_file_still_tells_its_generation(file: Path) -> None:
    """The next state must not look older than one that clients may know."""
    assert salvaged_generation(file.read_bytes()[:200]) == 5
    assert salvaged_generation(b"") == 0


@pytest.mark.parametrize("broken", ["truncated", "missing"])
def test_a_client_keeps_its_last_good_values(
    file: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A truncated or missing file leaves running clients their old values (so it is alarmed).

    A new file heals.
    """
    with flag_client(file, poll_ms=10) as client:
        whole = file.read_bytes()
        file.write_bytes(whole[:300]) if broken == "truncated" else file.unlink()
        _wait(lambda: bool(caplog.records))
        assert resolve(client, PLAN, CONTEXTS["opted_in"])["feature.searchLite"] is True
        _write(file, FlagState(2, 6, "", ("A",)))
        _wait(lambda: resolve(client, PLAN, CONTEXTS["opted_in"])["feature.searchLite"] is False)


def test_a_new_client_on_a_broken_file_uses_the_code_defaults(file: Path) -> None:
    """No client starts on a truncated file.

    What stays is the default in the code, and that one is off.
    """
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(FlagsError, match="cannot read"), flag_client(file, poll_ms=1000):
        pass
    assert PLAN.features["A"].disabled is False


def test_a_running_client_sees_a_switch_within_a_second(file: Path) -> None:
    """With the provider's own polling (500 ms).

    Ten switches in a row are all seen, and within 1 s where the machine has time for it.
    """
    took: list[float] = []
    with flag_client(file) as client:
        for generation in range(6, 16):
            start = time.monotonic()
            _write(file, FlagState(2, generation))
            _wait(lambda: resolve_state(client, {})["generation"] == generation)  # noqa: B023
            took.append(time.monotonic() - start)
    assert min(took) < 1


def test_a_switch_is_seen_although_the_clock_was_set_back(file: Path) -> None:
    """The Python provider ignores a file with an older time.

    So the time rises whatever the clock says.
    """
    with flag_client(file, poll_ms=10) as client:
        switch(FlagFiles(lambda: 0), file, document(PLAN, FlagState(2, 6, "", ("A",))), before=None)
        _wait(lambda: resolve(client, PLAN, CONTEXTS["opted_in"])["feature.searchLite"] is False)


def test_a_switch_applies_only_to_the_file_it_was_decided_for(file: Path) -> None:
    """Somebody else's switch in between is not overwritten.

    Both digests are named, nothing changes.
    """
    before = read_flags(file).digest
    _write(file, FlagState(2, 6, "", ("A",)))
    with pytest.raises(
        FlagsError, match=f"expected sha256 {before[:12]}…, for which this change was decided"
    ):
        switch(FILES, file, document(PLAN, FlagState(3, 6)), before=before)
    assert read_flags(file).state == FlagState(2, 6, "", ("A",))


def test_of_two_who_switch_at_once_one_is_refused(file: Path) -> None:
    """Eight threads with the same before-digest: exactly one wins."""
    before, won, lost = read_flags(file).digest, [], []

    def attempt(number: int) -> None:
        try:
            switch(FILES, file, document(PLAN, FlagState(3, 6, f"dec-{number}")), before=before)
            won.append(number)
        except FlagsError:
            lost.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert read_flags(file).state.decision == f"dec-{won[0]}"


@pytest.mark.parametrize("call", ["open", "write", "sync", "rename"])
def test_a_full_disk_leaves_the_old_flags_of_a_promotion(file: Path, call: str) -> None:
    """ENOSPC at any call: one sentence, the old file whole, no rubbish beside it."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = FlagFiles(time.time_ns)
    setattr(files, call, fail)
    old = file.read_bytes()
    with pytest.raises(
        NotWrittenError, match=r"flags\.json could not be written \(No space left on device\)"
    ):
        switch(files, file, document(PLAN, FlagState(3, 6)), before=digest_of(old))
    assert file.read_bytes() == old
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.slow
def test_a_million_reads_see_no_mixed_state(file: Path) -> None:
    """1,000,000 reads of rollout.state during 500 switches; a tenth of that in each test run.

    Every one is a state as it was written, none is older.
    """
    on, part = CONTEXTS["opted_in"], 1 if EXHAUSTIVE else 10
    switches, reads = 500 // part, 1_000_000 // part
    generations: set[int] = set()
    with flag_client(file, poll_ms=5) as client:
        writer = threading.Thread(target=_switch_on_and_off, args=(file, switches))
        writer.start()
        last = 5
        for done in range(reads * 100):
            state = resolve_state(client, on)
            generation = state["generation"]
            assert state["feature.searchLite"] is bool(generation % 2), state  # pyright: ignore[reportOperatorIssue]
            assert state["guardianProfileId"] == ("default" if generation % 2 else "strict"), state  # pyright: ignore[reportOperatorIssue]
            assert generation >= last  # pyright: ignore[reportOperatorIssue]
            last = generation
            generations.add(generation)  # pyright: ignore[reportArgumentType]
            if done >= reads and not writer.is_alive():
                break
        writer.join()
        _wait(lambda: resolve_state(client, on)["generation"] == 5 + switches)
    assert len(generations) > switches / 5


def _switch_on_and_off(path: Path, switches: int) -> None:
    for generation in range(6, 6 + switches):
        off = FlagState(2, generation, "", ("A",), "strict")
        _write(path, FlagState(2, generation) if generation % 2 else off)
        time.sleep(0.02)


def _wait(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.005)


NODE = """
const { OpenFeature } = require('@openfeature/server-sdk');
const { FlagdProvider } = require('@openfeature/flagd-provider');
(async () => {
  const options = {resolverType: 'in-process', offlineFlagSourcePath: process.argv[2]};
  await OpenFeature.setProviderAndWait(new FlagdProvider(options));
  const client = OpenFeature.getClient(), out = {};
  for (const [name, context] of Object.entries(JSON.parse(process.argv[3])))
    out[name] = await client.getObjectValue('rollout.state', {}, context);
  console.log(JSON.stringify(out));
  process.exit(0);
})();
"""


@pytest.mark.skipif(
    not os.environ.get("ROLLOUT_NODE_MODULES"), reason="ROLLOUT_NODE_MODULES names no node_modules"
)
def test_the_node_provider_reads_the_same(file: Path, tmp_path: Path) -> None:
    """The node client resolves rollout.state from the same file as the Python client (npm.

    See docs/rollback.md).
    """
    script = tmp_path / "read.js"
    script.write_text(NODE)
    node = shutil.which("node") or "node"
    environment = {**os.environ, "NODE_PATH": os.environ["ROLLOUT_NODE_MODULES"]}
    arguments = [node, str(script), str(file), json.dumps(CONTEXTS)]
    got = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    with flag_client(file) as client:
        assert json.loads(got) == {
            name: resolve_state(client, context) for name, context in CONTEXTS.items()
        }
