"""Telling people: what arrives, what a failing receiver costs, and that nothing secret is shown."""

from __future__ import annotations

import hmac
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from base64 import b64decode, b64encode
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import mistune
import pytest

from rolloutlib.errors import PlanError
from rolloutlib.reason import because
from rolloutlib.tell import webhook
from rolloutlib.tell.event import Event
from rolloutlib.tell.forms import comment, message
from rolloutlib.tell.settings import load_settings
from rolloutlib.tell.telling import Told, tell
from rolloutlib.tell.webhook import NotToldError, post, signature
from rolloutlib.words.sentences import say
from tests.payloads import PAYLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

pytestmark = pytest.mark.slow  # a server, and processes
ROOT = Path(__file__).resolve().parents[2]
MAIN = "import sys; from rolloutlib.cli import main; sys.exit(main())"
SECRET = "whsec_" + b64encode(b"a secret of 24 bytes or so").decode()
NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def told_of(event: Event, root: Path, *, seconds: float = 20.0) -> list[Told]:
    """Tell an event; return by which ways and with what failures, in English."""
    ways = tell(event, root, seconds=seconds)
    return [Told(str(each.way), each.failure and str(each.failure)) for each in ways]


class Receiver:
    """An HTTP server of this process, with an answer for each request in turn."""

    def __init__(self, answers: list[Callable[[BaseHTTPRequestHandler], None]]) -> None:
        """Listen; the last answer is given for ever."""
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                number = len(receiver.bodies)
                receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.headers.append({k.lower(): v for k, v in self.headers.items()})
                answers[min(number, len(answers) - 1)](self)

            def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] -- says nothing
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/SECRETPATH"


def code(number: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with a status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(number)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Break the connection off instead of an answer."""
    linger = (1).to_bytes(4, sys.byteorder) + (0).to_bytes(4, sys.byteorder)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a header for ever, a letter at a time."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        pass


@contextmanager
def receiving(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Generator[Receiver]:
    """Serve on a thread while the block runs."""
    receiver = Receiver([*answers])
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait shortly between attempts, and ask no proxy of this machine."""
    monkeypatch.setattr(webhook, "PAUSE_SECONDS", 0.02)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def workbook(root: Path, **settings: object) -> Path:
    """Write params/notify.yaml."""
    (root / "params").mkdir(exist_ok=True)
    (root / "params" / "notify.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return root


LINES = (because("runs.few", wanted=3, runs=1), say("{arm} is slow", arm="<b>@all\u202e"))
EVENT = Event(
    kind="review", outcome="NO_GO", exit_code=20, stage=2, at=NOW, lines=LINES,
    headline=say("Review of stage {stage}: {outcome}", stage=2, outcome="NO_GO"),
)  # fmt: skip


def test_a_signed_message_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body is the event; the signature holds for id, time and body, as the standard says."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with receiving(code(204)) as receiver:
        root = workbook(tmp_path, webhook={"url": receiver.url, "secret_from": "HOOK_SECRET"})
        page = root / "reports" / "w3" / "review.html"
        assert told_of(replace(EVENT, report=page), root) == [Told("webhook 127.0.0.1")]
    (body,), (headers,) = receiver.bodies, receiver.headers
    payload = json.loads(body)
    assert payload["schema"] == "rolloutlib/event@1"
    assert (payload["kind"], payload["outcome"], payload["exit_code"], payload["stage"]) == (
        "review", "NO_GO", 20, 2,
    )  # fmt: skip
    assert payload["at"] == "2026-11-30T09:00:00Z"
    assert payload["report"] == "reports/w3/review.html"
    assert payload["text"].splitlines() == [
        "Review of stage 2: NO_GO", "• The plan averages the last 3 runs; there are 1.",
        "• <b>@all\\u202e is slow", "Report: reports/w3/review.html",
    ]  # fmt: skip
    assert headers["content-type"].startswith("application/json")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = hmac.new(b64decode(SECRET.removeprefix("whsec_")), signed, sha256).digest()
    assert headers["webhook-signature"] == f"v1,{b64encode(mac).decode()}"
    assert headers["webhook-id"] == payload["id"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert SECRET not in f"{body!r}{headers}"


def test_the_standards_own_example() -> None:
    """The vector that the libraries of Standard Webhooks test themselves with."""
    secret, name = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signed = signature(secret, name, 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_no_base64_is_not_repeated() -> None:
    """Its prefix promises base64; what it is stays unsaid."""
    with pytest.raises(NotToldError) as caught:
        signature(b"whsec_not base64!", "m", 1, b"")
    assert "not base64!" not in str(caught.value)


@pytest.mark.parametrize(
    "first", [code(503), code(429, Retry_After="0"), reset], ids=["503", "429", "reset"]
)
def test_what_may_get_better_is_tried_again(
    first: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    """A busy or broken receiver gets the same message once more, signed for its own moment."""
    with receiving(first, first, code(200)) as receiver:
        post(receiver.url, "msg_1", b"{}", secret=b"s", seconds=10)
    assert receiver.bodies == [b"{}"] * 3
    assert {headers["webhook-id"] for headers in receiver.headers} == {"msg_1"}


@pytest.mark.parametrize("number", [400, 401, 404, 410, 301, 302, 307])
def test_what_stays_wrong_is_tried_once(number: int) -> None:
    """A refusal is one; a redirect is not followed, so no other host sees the message."""
    with (
        receiving(code(200)) as other,
        receiving(code(number, Location=other.url)) as receiver,
        pytest.raises(NotToldError, match=str(number)),
    ):
        post(receiver.url, "msg_1", b"{}", secret=None, seconds=10)
    assert (len(receiver.bodies), other.bodies) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [drip, code(503), code(503, Retry_After="3600"), reset],
    ids=["drip", "503", "in an hour", "reset"],
)
def test_a_bad_receiver_costs_bounded_time(
    tmp_path: Path, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    """Whatever it does, who tells goes on in time, and says what went wrong without the address."""
    with receiving(answer) as receiver:
        root = workbook(tmp_path, webhook={"url": receiver.url})
        began = time.monotonic()
        (attempt,) = told_of(EVENT, root, seconds=0.6)
        assert time.monotonic() - began < 8  # the slowest would take ten
    assert attempt.failure is not None
    assert attempt.way == "webhook 127.0.0.1"
    assert "SECRETPATH" not in str(attempt.failure)


def test_nobody_listens(tmp_path: Path) -> None:
    """No server, no host: a sentence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        root = workbook(tmp_path, webhook={"url": f"http://127.0.0.1:{taken.getsockname()[1]}/x"})
        (attempt,) = told_of(EVENT, root, seconds=0.3)
    assert attempt.failure is not None
    assert str(attempt.failure).startswith("no connection (Connection refused)")


def test_files_for_comments_and_mails(tmp_path: Path) -> None:
    """A comment says words and no markup; a mail can be read by the standard's own reader."""
    mail = {"folder": "out", "from": "rollout@ex.com", "to": ["pm@ex.com", "qa@ex.com"]}
    root = workbook(tmp_path, comments="reports/comments", mail=mail, lang="ko")
    ways = ["comment reports/comments/review-stage-2.md", "mail out/"]
    for _ in range(2):  # a comment is replaced, a mail is another one
        assert told_of(EVENT, root) == [Told(way) for way in ways]
    text = (root / ways[0].removeprefix("comment ")).read_text("utf-8")
    assert text.splitlines() == [
        "<!-- rolloutlib review stage-2 -->", "### 스테이지 2 검토: NO\\_GO", "",
        "- 계획은 최근 3회 실행을 평균하지만, 실행은 1회뿐입니다.",
        "- &lt;b&gt;\\@all\\\\u202e is slow", "", "`NO_GO` · `2026-11-30T09:00:00Z`",
    ]  # fmt: skip
    assert [path.name for path in (root / "reports" / "comments").iterdir()] == [
        "review-stage-2.md"
    ]
    mails = [*(root / "out").iterdir()]
    assert len(mails) == 2
    read = message_from_bytes(mails[0].read_bytes(), policy=policy.default)
    assert read["Subject"] == "[NO_GO] 스테이지 2 검토: NO_GO"
    assert (read["From"], read["To"]) == ("rollout@ex.com", "pm@ex.com, qa@ex.com")
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_content().splitlines()[0] == "스테이지 2 검토: NO_GO"


def test_a_headline_is_one_line_of_a_mail(tmp_path: Path) -> None:
    """A line break in somebody's words makes no header."""
    mail = {"folder": "out", "from": "rollout@ex.com", "to": ["pm@ex.com"]}
    root = workbook(tmp_path, mail=mail)
    evil = say("Rollback: {flags} off for everybody. Reason: {reason}", flags=("A",),
               reason="x\r\nBcc: everybody@ex.com")  # fmt: skip
    assert told_of(replace(EVENT, headline=evil), root) == [Told("mail out/")]
    (path,) = (root / "out").iterdir()
    read = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert read["Bcc"] is None
    assert "Bcc: everybody" in read["Subject"]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_words_of_others_stay_words(tmp_path: Path, payload: str) -> None:
    """A comment has the structure that it has with a harmless name, and no mention of anybody."""
    pages: list[list[str]] = []
    for name in ("harmless", payload):
        event = replace(EVENT, headline=say("{x}", x=name), lines=(say("{x}", x=name),))
        text = comment(message(event, tmp_path, "en", "msg_1"))
        pages.append(re.findall(r"</?[a-z][^>]*>", str(mistune.html(text))))
        assert not re.search(r"(?<!\\)@\w", text)
    assert pages[0] == pages[1]


def test_one_way_that_fails_leaves_the_others(tmp_path: Path) -> None:
    """Each way for itself: what cannot be written is said."""
    (tmp_path / "taken").write_text("a file")
    mail = {"folder": "taken", "from": "rollout@ex.com", "to": ["pm@ex.com"]}
    root = workbook(tmp_path, comments="comments", mail=mail)
    attempts = told_of(EVENT, root)
    assert attempts == [
        Told("comment comments/review-stage-2.md"),
        Told("mail taken/", "cannot be written (File exists)"),
    ]


def test_off_as_shipped_and_where_it_is_left_out(tmp_path: Path) -> None:
    """No file, the shipped file, another kind, a quiet outcome: nobody is told."""
    assert told_of(EVENT, tmp_path) == []
    assert told_of(EVENT, ROOT) == []
    assert told_of(EVENT, workbook(tmp_path, comments="c", about=["watch"])) == []
    assert told_of(EVENT, workbook(tmp_path, comments="c", quiet=["NO_GO"])) == []
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        ({"url": "ftp://ex.com/a"}, "webhook.url: is no address"),
        ({"url": "http://user:SECRETWORD@ex.com/"}, "webhook.url: holds a name or password"),
        ({"url": "https://ex.com/SECRETWORD\n"}, "webhook.url: is no address"),
        ({"url": "https://ex.com:SECRETWORD/"}, "webhook.url: is no address"),
        ({}, "webhook: needs either url or url_from"),
        ({"url": "https://ex.com/", "secret": "SECRETWORD"}, "webhook.secret is not a known key"),
        ({"url": "https://ex.com/", "secret_from": "SECRET.WORD-x"}, "is no name of an env"),
        ({"url_from": "https://ex.com/SECRETWORD"}, "is no name of an environment variable"),
    ],
)
def test_mistakes_in_the_file(tmp_path: Path, hook: dict[str, str], why: str) -> None:
    """Each names its key, and repeats nothing that may be secret."""
    with pytest.raises(PlanError, match=r"notify\.yaml") as caught:
        load_settings(workbook(tmp_path, webhook=hook))
    assert why in str(caught.value)
    assert "SECRETWORD" not in str(caught.value)
    assert "SECRET.WORD" not in str(caught.value)


def test_an_address_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never repeated, neither where it is missing nor where it is wrong."""
    root = workbook(tmp_path, webhook={"url_from": "HOOK", "secret_from": "HOOK_SECRET"})
    monkeypatch.delenv("HOOK", raising=False)
    (attempt,) = told_of(EVENT, root)
    assert attempt.way == "webhook $HOOK"
    assert "names HOOK, which the environment does not have" in str(attempt.failure)
    monkeypatch.setenv("HOOK", "SECRETWORD")
    (attempt,) = told_of(EVENT, root)
    assert "SECRETWORD" not in str(attempt)
    with receiving(code(200)) as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        (attempt,) = told_of(EVENT, root)
        assert "HOOK_SECRET" in str(attempt.failure)  # what was to be signed is not sent unsigned
        assert receiver.bodies == []


def rollout(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    own = os.environ | {"PYTHONPATH": str(ROOT), "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-c", MAIN, *arguments], cwd=cwd, env=own, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_the_command_tries_it(tmp_path: Path) -> None:
    """`rollout notify` shows, `--test` tells; its exit code says whether everybody heard."""
    workbook(tmp_path)
    for name in ("plan.yaml",):
        (tmp_path / "params" / name).write_bytes((ROOT / "params" / name).read_bytes())
    assert "Nobody is told" in rollout("notify", cwd=tmp_path).stdout
    with receiving(code(200), code(404)) as receiver:
        workbook(tmp_path, webhook={"url": receiver.url}, comments="c")
        shown = rollout("notify", cwd=tmp_path)
        assert "webhook 127.0.0.1, not signed" in shown.stdout
        assert receiver.bodies == []
        done = rollout("notify", "--test", cwd=tmp_path)
        assert (done.returncode, done.stdout.splitlines()) == (
            0, ["comment c/test.md: told", "webhook 127.0.0.1: told"],
        )  # fmt: skip
        done = rollout("notify", "--test", cwd=tmp_path)
    assert done.returncode == 1
    assert "webhook 127.0.0.1: NOT TOLD: it answers 404" in done.stdout
    assert "SECRETPATH" not in done.stdout + done.stderr


def test_a_rollback_is_told_after_it_is_done(tmp_path: Path) -> None:
    """The flags are off when the message comes; a dead receiver changes neither code nor record."""
    params = tmp_path / "params"
    params.mkdir()
    for name in ("plan.yaml", "flags.json", "session.config.json", "roles.yaml"):
        (params / name).write_bytes((ROOT / "params" / name).read_bytes())
    flags: list[bytes] = []

    def look(handler: BaseHTTPRequestHandler) -> None:
        flags.append((params / "flags.json").read_bytes())
        code(200)(handler)

    with receiving(look) as receiver:
        workbook(tmp_path, webhook={"url": receiver.url})
        done = rollout("rollback", "--reason", "slow", cwd=tmp_path)
    payload = json.loads(receiver.bodies[0])
    assert (payload["kind"], payload["exit_code"]) == ("rollback", done.returncode)
    assert payload["headline"].startswith("Rollback: ")
    assert flags == [(params / "flags.json").read_bytes()]
    (params / "flags.json").unlink()
    began = time.monotonic()
    again = rollout("rollback", "--reason", "slow", cwd=tmp_path)  # the server is gone
    assert time.monotonic() - began < 30
    assert again.returncode == done.returncode
    assert "not told: webhook 127.0.0.1: no connection" in again.stderr
