"""What all tests share.

Chromium that must be there in CI, and property tests that do not race a clock.
"""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patient")

# Started by a shell's `&` a test run ignores Ctrl-C, by nohup SIGHUP too, and so would all that it
# starts: tests of interruptions need what a terminal gives.
for number, handler in {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: signal.SIG_DFL,
}.items():
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# Folders whose tests start real engines, keys, kernels and crashes by the hundred: not for `make
# test-fast`.
SLOW_FOLDERS = {"engine", "faults", "flags", "ledger", "rollback", "tutorial"}


# Files that take longest, the longest first: workers end together only if none of them comes last.
LONGEST = (
    "test_tutorial.py", "test_lab.py", "test_looks.py", "test_side_by_side.py", "test_page.py",
    "test_process.py", "test_columnar.py", "test_hostile.py", "test_store.py", "test_recorded.py",
    "test_kills.py", "test_sinks.py", "test_ledger_faults.py", "test_fuzz.py", "test_walk.py",
    "test_walkthrough.py", "test_inputs.py", "test_worlds.py", "test_every_leaf.py",
    "test_engine.py", "test_copy_property.py", "test_drop_property.py", "test_mask_property.py",
    "test_pages.py", "test_enginereplay.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and mark the slow folders' tests as slow."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))
    for item in items:
        inside = item.path.relative_to(item.config.rootpath)  # a checkout may have any name
        examples = inside.parts[:2] == ("rolloutlib", "explore")  # of whole reviews
        if examples or SLOW_FOLDERS & set(inside.parts):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium.

    Where there is none, skip on a desk and fail in CI, which installs it.
    """
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if program is None:
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop(
            "Chromium is not on the path; install it (Debian: apt-get install chromium fonts-nanum)"
        )
    return program
