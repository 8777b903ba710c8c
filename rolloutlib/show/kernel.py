"""The process that runs a notebook: in a room of its own, and gone as soon as its parent is.

Its sockets, connection file, IPython's profile and everything temporary (what DuckDB spills) lie in
one private folder. Whoever looks at the workbook finds nothing of it, whatever ends the run.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rolloutlib.errors import RolloutError
from rolloutlib.phrase import Phrase, phrase
from rolloutlib.show.optional import DEBUGGER, without
from rolloutlib.show.owned import owned_folder, socket_folder, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from subprocess import Popen

__all__ = ["Kernel", "own_kernel", "report_folder", "report_place", "serve"]

PREFIX: Final = "rollout-run-"
SOCKET: Final = "s"  # s-1 … s-5
STREAMS: Final = "told"  # what the process writes on its own streams; cells' output is not among it
ERROR: Final = "error.json"  # what an error of ours says, in parts
TAIL, SHOWN_CHARACTERS = 20_000, 200  # bytes that are read of it, characters that are shown
# rolloutlib is imported as its parent found it, never from the folder that the notebook runs in.
LAUNCH: Final = (
    "import sys; sys.path[:] = [*filter(None, sys.path), sys.argv[1]]; "
    "from rolloutlib.show.kernel import serve; serve()"
)
SELDOM: Final = (50_000, 20, 100)  # imports make a million objects, none of them garbage
KILLED: Final = phrase(
    "was killed (SIGKILL), as the system does when memory runs out; give it more memory, or review "
    "less at once (--days, or fewer runs)"
)

CRASHES: Final = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}

_report: Path | None = None
_place = ""


def report_folder() -> Path | None:
    """Return the folder that `rollout review` gathers this process's report in; None elsewhere.

    No environment variable tells it: what a cell starts is no part of the review.
    """
    return _report


def report_place() -> str:
    """Return where this process's report will be, as a command names it; "" where there is none."""
    return _place


@dataclass(slots=True)
class Kernel:
    """A notebook's process.

    Attributes:
        manager: the class of kernel manager that starts it, for nbclient.
        room: its private folder.
        process: set once it has started.
    """

    room: Path
    manager: type[Any] = object
    process: list[Popen[bytes]] = field(default_factory=list[Any])

    def end(self) -> None:
        """End the process, where nbclient has not, and what its cells started: all is gone."""
        for process in self.process:
            with suppress(ProcessLookupError, PermissionError):  # they are gone
                os.killpg(process.pid, signal.SIGKILL)  # Jupyter gives it a session of its own
            process.wait()

    def gone(self, error: Exception) -> RolloutError:
        """Say in a sentence why no notebook could be run to its end; called while the room is."""
        code = self.process[0].poll() if self.process else None
        # "respond" is Jupyter's word: the process was ended only after nobody heard of it.
        if code is None or "respond" in str(error):
            why = " ".join(str(error).split())[:SHOWN_CHARACTERS]
            return RolloutError(
                "the notebook's process does not answer ({why}); run it again", why=why
            )
        return RolloutError("the notebook's process {end}; run it again", end=self._end(code))

    def said(self) -> Phrase | None:
        """Return what the error of a cell says, where it was one of rolloutlib's."""
        error_file = self.room / ERROR
        if not error_file.is_file():
            return None
        return msgspec.json.decode(error_file.read_bytes(), type=Phrase)

    def _end(self, code: int) -> Phrase:
        if code == -signal.SIGKILL:
            return KILLED
        last = self._last_words()
        if code >= 0:
            return phrase("ended by itself, with exit code {code}{last}", code=code, last=last)
        about = {"name": signal.Signals(-code).name, "last": last}
        if -code in CRASHES:
            return phrase("crashed in a library ({name}){last}", **about)
        return phrase("was ended by another program ({name}){last}", **about)

    def _last_words(self) -> str:
        """Return what the process itself said of its end."""
        text = (self.room / STREAMS).read_bytes()[-TAIL:].decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        fatal = [line for line in lines if line.startswith("Fatal")]
        return "".join(f": {line[:SHOWN_CHARACTERS]}" for line in (fatal or lines)[-1:])


@contextmanager
def own_kernel(report: Path | None = None, place: str = "") -> Generator[Kernel]:
    """Make the private folder of a notebook's process and what starts the process in it.

    Args:
        report: the folder that a report is gathered in; removed with the rest if this run dies.
        place: where it will be, as a command names it.

    Raises:
        OSError: there is no place for a private folder.
    """
    temporary = Path(tempfile.gettempdir())
    with ExitStack() as stack:
        sweep(temporary, PREFIX)
        room = stack.enter_context(owned_folder(temporary, PREFIX, 0o700))
        sockets = stack.enter_context(socket_folder(room, PREFIX, f"{SOCKET}-5"))
        reader, writer = os.pipe()
        stack.callback(os.close, writer)  # last: the process sees its parent go
        stack.callback(os.close, reader)
        kernel = Kernel(room)
        stack.callback(kernel.end)
        package_root = str(Path(__file__).parents[2])
        argv = [sys.executable, "-c", LAUNCH, package_root, str(reader), str(report or ""), place,
                str(room), str(sockets)]  # fmt: skip
        streams = stack.enter_context((room / STREAMS).open("wb"))
        kernel.manager = _manager(kernel, argv, sockets, reader, streams.fileno())
        yield kernel


def serve() -> None:
    """Run as the notebook's process: leave when the parent does, taking everything along."""
    global _report, _place  # noqa: PLW0603 -- one process, one report
    _, parent, report, _place, *rooms = sys.argv[1:7]
    sys.argv[1:7] = []
    gc.set_threshold(*SELDOM)
    os.set_inheritable(int(parent), False)  # noqa: FBT003 -- its only form
    _report = Path(report) if report else None
    folders = [*rooms, *([report] if report else [])]
    Thread(target=_leave_with, args=(int(parent), folders), daemon=True).start()
    from ipykernel.kernelapp import IPKernelApp

    app: Any = IPKernelApp.instance()  # its stubs know no shell
    with without(*DEBUGGER):
        app.initialize()
    app.shell.set_custom_exc((RolloutError,), _keep_in(Path(rooms[0])))
    app.start()


def _keep_in(room: Path) -> Callable[..., None]:
    """Return what shows an error of ours as any other, and keeps its phrase for the parent."""

    def keep(shell: Any, _: object, error: RolloutError, *__: object, **how: object) -> None:  # noqa: ANN401 -- IPython's
        (room / ERROR).write_bytes(msgspec.json.encode(error.phrase))
        shell.showtraceback((type(error), error, error.__traceback__), **how)

    return keep


def _leave_with(parent: int, folders: list[str]) -> None:
    """Wait until nobody holds the other end of the pipe."""
    os.read(parent, 1)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with what its cells started
    os._exit(1)


def _manager(
    kernel: Kernel, argv: list[str], sockets: Path, reader: int, streams_file: int
) -> type[Any]:
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    room = kernel.room
    places = {"JUPYTER_RUNTIME_DIR": room, "IPYTHONDIR": room / "ipython", "TMPDIR": room}
    environment = os.environ | {name: str(path) for name, path in places.items()}
    spec = KernelSpec(display_name="Python 3", language="python")

    class Own(AsyncKernelManager):
        """Starts this Python, never one that a kernel specification of the user's names."""

        def __init__(self, **traits: Any) -> None:  # noqa: ANN401 -- whatever nbclient sets
            at = {"connection_file": str(room / "kernel.json"), "ip": str(sockets / SOCKET)}
            super().__init__(**traits, transport="ipc", **at)

        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

        def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
            return [*argv, "-f", self.connection_file, *(extra_arguments or [])]

        async def start_kernel(self, **options: Any) -> None:  # noqa: ANN401
            streams = {"stdout": streams_file, "stderr": streams_file, "pass_fds": (reader,)}
            manager: Any = super()  # its stubs leave its options open
            await manager.start_kernel(**options, **streams, env=environment)
            started: Any = self.provisioner
            kernel.process.append(started.process)

    return Own
