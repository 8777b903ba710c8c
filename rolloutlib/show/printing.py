"""A page as a PDF: by a Chromium that is here, else by WeasyPrint; nothing is fetched or run.

Each is called as a process of its own, with a private folder that goes afterwards and a bounded
time. The page's own policy forbids scripts and addresses; the calls leave no network besides.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.phrase import Phrase, phrase
from rolloutlib.show.owned import owned_folder, sweep
from rolloutlib.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CHROMIUM", "ENGINES", "WEASYPRINT", "Engine", "Pdf", "engines", "printed"]

CHROMIUM, WEASYPRINT = "chromium", "weasyprint"
ENGINES: Final = (CHROMIUM, WEASYPRINT)
NAMED: Final = "ROLLOUT_CHROMIUM"  # environment variable: the program itself
PROGRAMS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)  # fmt: skip
SECONDS: Final = 120.0  # a page of 50 charts takes ten
PREFIX: Final = "rollout-print-"
_SHOWN_CHARACTERS: Final = 300  # characters that are shown of what a program said
_QUIET: Final = (
    "--headless", "--disable-gpu", "--no-first-run", "--no-default-browser-check",
    "--disable-extensions", "--disable-sync", "--disable-background-networking",
    "--disable-component-update", "--disable-breakpad", "--disable-dev-shm-usage",
    "--no-pdf-header-footer", "--force-color-profile=srgb",
)  # fmt: skip
_OFFLINE: Final = (
    "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=socks5://127.0.0.1:1",
    "--proxy-bypass-list=<-loopback>",
)  # fmt: skip
_WEASY: Final = (
    "import sys, weasyprint; from weasyprint.urls import URLFetcher; "
    "inside = URLFetcher(allowed_protocols={'data'}); "
    "page = weasyprint.HTML(filename=sys.argv[1], url_fetcher=inside); "
    "page.write_pdf(sys.argv[2], pdf_tags=True)"
)


class Engine(NamedTuple):
    """What can print a page here.

    Attributes:
        name: one of `ENGINES`.
        program: the path of Chromium; this Python for WeasyPrint.
    """

    name: str
    program: str


class Pdf(NamedTuple):
    """A page as a PDF, and what made it, in words."""

    data: bytes
    by: Phrase | str


class _Failed(Exception):  # noqa: N818 -- no error yet: another engine may do
    """An engine made no PDF."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(str(why))
        self.why = why


def engines(by: str = "") -> list[Engine]:
    """Return what can print here, in the order in which it is tried.

    Args:
        by: one of `ENGINES`; empty for all of them.

    Raises:
        UsageError: ROLLOUT_CHROMIUM names no program.
        RolloutError: nothing is here that prints; the sentence says what to install.
    """
    available = [] if by == WEASYPRINT else [*_chromium()]
    if by != CHROMIUM and find_spec("weasyprint") is not None:
        available.append(Engine(WEASYPRINT, sys.executable))
    if not available:
        looked = " · ".join([by] if by else ENGINES)
        raise RolloutError(
            phrase(
                "nothing here makes a PDF of a page (looked for {looked}); install Chromium "
                "(Debian: apt-get install chromium), name one with "
                "ROLLOUT_CHROMIUM=/path/to/chrome, or install WeasyPrint (pip install weasyprint; "
                "Debian also: libpangoft2-1.0-0). Any browser prints the page, too",
                looked=looked,
            )
        )
    return available


def _chromium() -> Iterator[Engine]:
    if named := os.environ.get(NAMED):
        program = shutil.which(named)
        if program is None:
            raise UsageError(
                phrase(
                    "ROLLOUT_CHROMIUM is {given!r}, which is no program; name the path of a "
                    "Chromium or Chrome, or unset it",
                    given=plain(named),
                )
            )
        yield Engine(CHROMIUM, program)
    elif program := next(filter(None, map(shutil.which, PROGRAMS)), None):
        yield Engine(CHROMIUM, program)


def printed(page: str, by: str = "") -> Pdf:
    """Print a page of rolloutlib.

    Args:
        page: the page, with a policy that lets nothing run or load.
        by: one of `ENGINES`; empty for the first that succeeds.

    Raises:
        UsageError, RolloutError: as `engines`; or none of them made a PDF, and why.
    """
    failed: list[Phrase] = []
    temporary = Path(tempfile.gettempdir())
    sweep(temporary, PREFIX)
    for engine in engines(by):
        with owned_folder(temporary, PREFIX, 0o700) as room:
            (room / "page.html").write_text(page, encoding="utf-8")
            try:
                return _by_chromium(engine, room) if engine.name == CHROMIUM else _by_weasy(room)
            except _Failed as error:
                failed.append(error.why)
    raise RolloutError(
        phrase(
            "no PDF was made: {why}; print the page from a browser, or try the other way "
            "(--by chromium, --by weasyprint)",
            why=_several(failed),
        )
    )


def _several(reasons: Sequence[Phrase]) -> Phrase:
    return (
        reasons[0]
        if len(reasons) == 1
        else phrase("{first}; then {second}", first=reasons[0], second=reasons[1])
    )


def _by_chromium(engine: Engine, room: Path) -> Pdf:
    """Print with Chromium, in its sandbox; without it where the system has none for it."""
    call = [
        engine.program, *_QUIET, *_OFFLINE, f"--user-data-dir={room / 'profile'}",
        f"--print-to-pdf={room / 'page.pdf'}", (room / "page.html").as_uri(),
    ]  # fmt: skip
    # LC_ALL: its message is read below, in English; a page names its own language.
    alone = {"TMPDIR": str(room), "BREAKPAD_DUMP_LOCATION": str(room), "LC_ALL": "C"}
    by = f"Chromium {plain(engine.program)}"
    bare = phrase("{engine}, without its sandbox", engine=by)
    if os.geteuid() != 0:  # Chromium has none for root, whom it refuses
        try:
            return Pdf(_run(call, room, by, alone), by)
        except _Failed as error:
            if "sandbox" not in str(error).lower():  # which Chromium says
                raise
    return Pdf(_run([call[0], "--no-sandbox", *call[1:]], room, bare, alone), bare)


def _by_weasy(room: Path) -> Pdf:
    call = [sys.executable, "-P", "-c", _WEASY, str(room / "page.html"), str(room / "page.pdf")]
    return Pdf(_run(call, room, "WeasyPrint", {}), "WeasyPrint")


def _run(call: Sequence[str], room: Path, by: Phrase | str, alone: dict[str, str]) -> bytes:
    """Run what prints, all of its processes no longer than `SECONDS`; return the PDF."""
    with (room / "said").open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 -- a program of the user's own
                call, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=room,
                env=os.environ | alone, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise _Failed(
                phrase("{by} cannot be started ({why})", by=by, why=error.strerror or "")
            ) from None
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise _Failed(
                phrase("{by} took longer than {seconds:g} s", by=by, seconds=SECONDS)
            ) from None
        finally:
            _end(process)
    made = room / "page.pdf"
    data = made.read_bytes() if made.is_file() else b""
    if data.startswith(b"%PDF-") and b"%%EOF" in data[-1024:]:
        return data
    raise _Failed(
        phrase("{by} made none (exit code {code}: {said})", by=by, code=code, said=_last(room))
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program with all that it started."""
    with suppress(ProcessLookupError, PermissionError):  # they are gone
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last(room: Path) -> str:
    """Return the last words of a program, without what Chromium says of a bus that is not there."""
    text = (room / "said").read_bytes()[-20_000:].decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and "dbus" not in line]
    return plain(lines[-1], _SHOWN_CHARACTERS) if lines else "–"
