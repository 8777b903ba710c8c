"""A page as a PDF: by a Chromium that is here, else by WeasyPrint; nothing is fetched or run.

Each is called as a process of its own, with a private folder that goes afterwards and a bounded
time. The page's own policy forbids scripts and addresses; the calls leave no network besides.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rolloutlib.engine.process import run_engine
from rolloutlib.errors import RolloutError, UsageError
from rolloutlib.phrase import Phrase, phrase
from rolloutlib.show.owned import owned_folder, socket_folder, sweep
from rolloutlib.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["CHROMIUM", "ENGINES", "WEASYPRINT", "Engine", "Pdf", "engines", "kept_whole", "printed"]

CHROMIUM, WEASYPRINT = "chromium", "weasyprint"
ENGINES: Final = (CHROMIUM, WEASYPRINT)
NAMED: Final = "ROLLOUT_CHROMIUM"  # environment variable: the program itself
PROGRAMS: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)  # fmt: skip
SECONDS: Final = 120.0  # a page of 50 charts takes ten
PREFIX: Final = "rollout-print-"
SOCKET: Final = ".org.chromium.Chromium.XXXXXX/SingletonSocket"
LEAST_FREE: Final = 1_000_000  # bytes: with less the disk is what failed
_KOREAN: Final = re.compile(
    r"<(?P<no_prose>head|style|svg|code|pre)\b.*?</(?P=no_prose)>"
    r"""|<(?:"[^"]*"|'[^']*'|[^>"'])*>"""  # a tag
    r"|(?<![^\s>])(?=[^\s<]*[가-힣])(?P<word>[^\s<]{2,24})(?![^\s<])",
    re.DOTALL,
)
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
    """A page as a PDF.

    Attributes:
        data: the PDF.
        by: what made it, in words.
        instead: why what was tried before it made none; None where it was the first.
    """

    data: bytes
    by: Phrase | str
    instead: Phrase | None = None


class _Failed(Exception):  # noqa: N818 -- no error yet: another engine may do
    """An engine made no PDF."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(str(why))
        self.why = why


def engines(by: str = "") -> list[Engine]:
    """Return what can print here, in the order in which it is tried.

    A Chromium that ROLLOUT_CHROMIUM names is tried alone.

    Args:
        by: one of `ENGINES`; empty for all of them.

    Raises:
        UsageError: ROLLOUT_CHROMIUM names no program.
        RolloutError: nothing is here that prints; the sentence says what to install.
    """
    available = [] if by == WEASYPRINT else [*_chromium()]
    alone = bool(by != WEASYPRINT and os.environ.get(NAMED))
    if by != CHROMIUM and not alone and find_spec("weasyprint") is not None:
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
        UsageError, RolloutError: as `engines`; none of them made a PDF, and why; or the temporary
            folder is full, or none.
    """
    failed: list[Phrase] = []
    for engine in engines(by):
        try:
            made = _tried(engine, page)
        except _Failed as error:
            failed.append(error.why)
        else:
            return made._replace(instead=failed[0]) if failed else made
    raise RolloutError(
        phrase(
            "no PDF was made: {why}; print the page from a browser, or try the other way "
            "(--by chromium, --by weasyprint)",
            why=_several(failed),
        )
    )


def _tried(engine: Engine, page: str) -> Pdf:
    """Print with one of them, in a private folder.

    Raises:
        RolloutError: there is no room for it.
    """
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise _no_room(error.strerror or str(error), "TMPDIR") from None
    try:
        sweep(temporary, PREFIX)
        with owned_folder(temporary, PREFIX, 0o700) as room:
            (room / "page.html").write_text(page, encoding="utf-8")
            try:
                return _by_chromium(engine, room) if engine.name == CHROMIUM else _by_weasy(room)
            except _Failed:
                if shutil.disk_usage(room).free < LEAST_FREE:
                    raise _no_room(os.strerror(errno.ENOSPC), temporary) from None
                raise
    except OSError as error:
        raise _no_room(error.strerror or str(error), temporary) from None


def _no_room(why: str, folder: Path | str) -> RolloutError:
    return RolloutError(
        phrase(
            "the temporary folder {folder} takes no files to print from ({why}); make room there, "
            "or name another one with TMPDIR",
            folder=plain(str(folder)),
            why=why,
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
    by = f"Chromium {plain(engine.program)}"
    bare = phrase("{engine}, without its sandbox", engine=by)
    with socket_folder(room, PREFIX, SOCKET) as sockets:
        # LC_ALL: its message is read below, in English; a page names its own language.
        alone = ("/usr/bin/env", f"TMPDIR={sockets}", f"BREAKPAD_DUMP_LOCATION={room}", "LC_ALL=C")
        if os.geteuid() != 0:  # Chromium has none for root, whom it refuses
            try:
                return Pdf(_run([*alone, *call], room, by), by)
            except _Failed as error:
                if "sandbox" not in str(error).lower():  # which Chromium says
                    raise
        return Pdf(_run([*alone, call[0], "--no-sandbox", *call[1:]], room, bare), bare)


def _by_weasy(room: Path) -> Pdf:
    """Print with WeasyPrint, which breaks a Korean line inside of words unless it is kept whole."""
    file = room / "page.html"
    file.write_text(kept_whole(file.read_text("utf-8")), encoding="utf-8")
    call = [sys.executable, "-P", "-c", _WEASY, str(room / "page.html"), str(room / "page.pdf")]
    return Pdf(_run(call, room, "WeasyPrint"), "WeasyPrint")


def kept_whole(page: str) -> str:
    """Return a page whose Korean words do not break; what no column could take stays as it is.

    Its styles say `word-break: keep-all`, which WeasyPrint (70) does not know.
    """

    def whole(match: re.Match[str]) -> str:
        word = match["word"]
        return f'<span style="white-space: nowrap">{word}</span>' if word else match[0]

    return _KOREAN.sub(whole, page)


def _run(call: Sequence[str], room: Path, by: Phrase | str) -> bytes:
    """Run what prints no longer than `SECONDS`, with all that it starts; return the PDF.

    Its keeper ends it all, also when this process is killed.
    """
    heard = run_engine(call, b"", timeout_s=SECONDS)
    if heard.end == "timeout":
        raise _Failed(phrase("{by} took longer than {seconds:g} s", by=by, seconds=SECONDS))
    made = room / "page.pdf"
    data = made.read_bytes() if made.is_file() else b""
    if heard.end == "itself" and data.startswith(b"%PDF-") and b"%%EOF" in data[-1024:]:
        return data
    last_words = _last(heard.out + heard.err)
    raise _Failed(phrase("{by} made none (exit code {code}: {said})", by=by, code=heard.code,
                         said=last_words))  # fmt: skip


def _last(output: bytes) -> str:
    """Return the last words of a program, without what Chromium says of a bus that is not there."""
    text = output[-20_000:].decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and "dbus" not in line]
    return plain(lines[-1], _SHOWN_CHARACTERS) if lines else "–"
