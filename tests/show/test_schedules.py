"""Files for schedulers: read by their own tools, run with a stand-in `rollout`, in odd folders."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from cronsim import CronSim

from rolloutlib.cli import main
from rolloutlib.errors import UsageError
from rolloutlib.plan.model import load_plan
from rolloutlib.show.schedules import KINDS, Place, files_of
from rolloutlib.show.timetable import Clock, Job, timetable
from rolloutlib.words.sentences import say, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PLAN = load_plan(ROOT / "params" / "plan.yaml")
SEOUL, BERLIN = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin")
START = date(2026, 12, 7)  # W4 is in another year
CLOCK = Clock(time(8, 30), SEOUL)  # the day before, in UTC
JOBS = timetable(PLAN, CLOCK, START, 5)
PLAIN, ODD = "book", "a b%h'c$HOME\"d&é\\e#f"
STAND_IN = '#!/bin/sh\nprintf "%s\\n" "$PWD" "$@" >"$TOLD"\nexit "$CODE"\n'
AIRFLOW = os.environ.get("ROLLOUT_AIRFLOW")


def place(tmp_path: Path, name: str) -> Place:
    """Make a workbook's folder whose `rollout` notes where it was called, and how."""
    root = tmp_path / name
    own = root / ".venv" / "bin" / "rollout"
    own.parent.mkdir(parents=True)
    own.write_text(STAND_IN, encoding="utf-8")
    own.chmod(0o755)
    return Place(root, own)


def ran(script: str, tmp_path: Path, code: int, *shell: str) -> tuple[int, str, list[str]]:
    """Run a script; return its exit code, what it printed, and how `rollout` was called."""
    log = tmp_path / "told"
    log.unlink(missing_ok=True)
    around = {"PATH": "/usr/bin:/bin", "TOLD": str(log), "CODE": str(code)}
    done = subprocess.run(
        [*(shell or ("/bin/sh",)), "-c", script], cwd="/", env=around, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    calls = log.read_text("utf-8").splitlines() if log.exists() else []
    return done.returncode, done.stdout + done.stderr, calls


def crontab(file: str) -> Iterator[tuple[str, str]]:
    r"""Yield times and command of each line, as cron reads it: `\%` is a percent sign."""
    for line in file.splitlines():
        if line and not line.startswith("#") and "=" not in line.split()[0]:
            *times, command = line.split(None, 5)
            assert "%" not in command.replace(r"\%", "")
            yield " ".join(times), command.replace(r"\%", "%")


def test_the_plans_weeks() -> None:
    """A watch a day; each stage is reviewed in its week, up to its own moment."""
    weeks = [(job.arguments[1], str(job.when)) for job in JOBS[1:]]
    assert weeks == [
        ("0", "2026-12-11 08:30:00+09:00"), ("1", "2026-12-18 08:30:00+09:00"),
        ("2", "2026-12-18 08:30:00+09:00"), ("2", "2026-12-25 08:30:00+09:00"),
        ("3", "2027-01-01 08:30:00+09:00"), ("4", "2027-01-08 08:30:00+09:00"),
    ]  # fmt: skip
    assert JOBS[1].arguments == (
        "review", "0", "--as-of", "2026-12-11T08:30+09:00", "--out", "reports/stage-0-2026-12-11",
    )  # fmt: skip
    assert len({job.name for job in JOBS}) == len(JOBS)
    assert [job.arguments for job in timetable(PLAN, CLOCK, None, 5)] == [("watch", "--catch-up")]


def test_summer_time_is_that_of_the_day() -> None:
    """A review in winter that is planned in summer has winter's offset."""
    jobs = timetable(PLAN, Clock(time(9), BERLIN), date(2026, 10, 19), 5)
    assert [job.arguments[3][-6:] for job in jobs[1:3]] == ["+02:00", "+01:00"]


@pytest.mark.parametrize("name", [PLAIN, ODD], ids=["plain", "odd"])
def test_cron_lines(tmp_path: Path, name: str) -> None:
    """An independent reader gives the planned moments; the shell calls what was meant."""
    where = place(tmp_path, name)
    (file,) = files_of("cron", JOBS, where, CLOCK).values()
    assert "CRON_TZ=Asia/Seoul\n" in file
    lines = [*crontab(file)]
    assert len(lines) == len(JOBS)
    for (times, command), job in zip(lines, JOBS, strict=True):
        assert len(f"{times} {command}".encode()) < 998
        first = next(CronSim(times, datetime(2026, 12, 1, 12, tzinfo=SEOUL)))
        assert first == (job.when or datetime(2026, 12, 2, 8, 30, tzinfo=SEOUL))
        now = (
            command.replace(f"= {job.when.year} ]", f"= {seoul_year()} ]") if job.when else command
        )
        log = where.root / "reports" / "schedule.log"
        assert ran(now, tmp_path, 0) == (0, "", [str(where.root), *job.arguments])
        assert ran(now, tmp_path, 10)[:2] == (0, "")
        ending = f"{job.name} ended with exit code 20; see {log}\n"
        assert ran(now, tmp_path, 20)[:2] == (20, ending)
        assert log.is_file()


def seoul_year() -> int:
    """Return the year there."""
    return datetime.now(SEOUL).year


def test_cron_asks_for_the_year(tmp_path: Path) -> None:
    """A crontab has no years: in another one nothing is called."""
    (file,) = files_of("cron", JOBS, place(tmp_path, PLAIN), CLOCK).values()
    _, command = [*crontab(file)][1]
    assert ran(command.replace("2026", "1999"), tmp_path, 20) == (0, "", [])


def test_a_line_that_is_too_long_for_cron(tmp_path: Path) -> None:
    """Cron would cut it."""
    deep = Place(tmp_path / ("x" * 250), tmp_path / ("x" * 250) / "rollout")
    with pytest.raises(UsageError, match="cron takes 998; move the workbook to a shorter path"):
        files_of("cron", JOBS, deep, CLOCK)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze (systemd)")
@pytest.mark.parametrize("name", [PLAIN, ODD], ids=["plain", "odd"])
def test_systemd_units(tmp_path: Path, name: str) -> None:
    """The system's own tool verifies units, calendars and the command."""
    units = tmp_path / "units"
    units.mkdir()
    where = place(tmp_path, re.sub(r"['\"\\]", "", name))
    files = files_of("systemd", JOBS, where, CLOCK)
    assert len(files) == 2 * len(JOBS)
    for unit, text in files.items():
        (units / unit).write_text(text, encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units.iterdir())], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (verified.returncode, verified.stderr) == (0, "")
    for job in JOBS:
        timer, service = files[f"{job.name}.timer"], files[f"{job.name}.service"]
        calendar = value_of(timer, "OnCalendar")
        zone = "" if job.when is None else str(job.when.date())
        assert calendar == f"{zone or '*-*-*'} 08:30:00 Asia/Seoul"
        assert value_of(timer, "Persistent") == "true"
        assert value_of(service, "SuccessExitStatus") == "10"
        assert words(value_of(service, "ExecStart")) == [str(where.rollout), *job.arguments]
        assert value_of(service, "WorkingDirectory").replace("%%", "%") == str(where.root)
        subprocess.run(["systemd-analyze", "calendar", calendar], check=True, capture_output=True)


def value_of(unit: str, key: str) -> str:
    """Return the one value of a key."""
    (line,) = [line for line in unit.splitlines() if line.startswith(f"{key}=")]
    return line.partition("=")[2]


def words(command: str) -> list[str]:
    """Split ExecStart= as systemd.service(5) says: quotes, then specifiers and variables."""
    program, *arguments = shlex.split(command)
    return [
        program.replace("%%", "%"),
        *(w.replace("%%", "%").replace("$$", "$") for w in arguments),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", [PLAIN, ODD], ids=["plain", "odd"])
def test_a_workflow(tmp_path: Path, name: str) -> None:
    """GitHub's own schema takes it; each job runs at its moment, and only 0 and 10 end well."""
    where = place(tmp_path, name)
    (path, text), = files_of("github", JOBS, where, CLOCK).items()  # fmt: skip
    assert path == ".github/workflows/rollout.yml"
    (tmp_path / "rollout.yml").write_text(text, encoding="utf-8")
    if name == ODD:  # a second each
        schema = ("-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows")
        subprocess.run([sys.executable, *schema, str(tmp_path / "rollout.yml")], check=True)
    workflow: dict[Any, Any] = yaml.safe_load(text)
    crons = [entry["cron"] for entry in workflow[True]["schedule"]]  # YAML 1.1: `on` is true
    assert len(crons) == len(set(crons)) == 6
    for job in JOBS:
        made = workflow["jobs"][job.name]
        (step,) = made["steps"]
        cron = made["if"].split("'")[-2]
        assert cron in crons
        first = next(CronSim(cron, datetime(2026, 12, 1, 12, tzinfo=UTC)))
        assert first == (job.when or datetime(2026, 12, 1, 23, 30, tzinfo=UTC))
        assert step["working-directory"] == str(where.root)
        script = f"cd {shlex.quote(str(where.root))}\n{step['run']}"
        if job.when:
            year = job.when.astimezone(UTC).year
            assert ran(script.replace(f"= {year} ]", "= 1999 ]"), tmp_path, 20)[2] == []
            script = script.replace(f"= {year} ]", f"= {datetime.now(UTC).year} ]")
        bash = ("bash", "-e")
        assert ran(script, tmp_path, 0, *bash) == (0, "", [str(where.root), *job.arguments])
        code, output, _ = ran(script, tmp_path, 10, *bash)
        assert (code, output.startswith("::warning ")) == (0, True)
        code, output, _ = ran(script, tmp_path, 20, *bash)
        assert (code, output.startswith("::error ")) == (20, True)


@pytest.mark.parametrize("name", [PLAIN, ODD], ids=["plain", "odd"])
def test_dags(tmp_path: Path, name: str) -> None:
    """The file compiles; each task calls what was meant, and skips on 10 alone."""
    where = place(tmp_path, name)
    (text,) = files_of("airflow", JOBS, where, CLOCK).values()
    tree = ast.parse(text)
    dags = [node for node in tree.body if isinstance(node, ast.With)]
    assert len(dags) == len(JOBS)
    for dag, job in zip(dags, JOBS, strict=True):
        (task,) = dag.body
        assert isinstance(task, ast.Expr)
        keywords = {k.arg: k.value for k in task.value.keywords}  # type: ignore[attr-defined]
        command = ast.literal_eval(keywords["bash_command"])
        assert ran(f"cd {shlex.quote(str(where.root))} && {command}", tmp_path, 20, "bash")[2] == [
            str(where.root), *job.arguments,
        ]  # fmt: skip
        assert ast.literal_eval(keywords["skip_on_exit_code"]) == 10


@pytest.mark.slow
@pytest.mark.skipif(not AIRFLOW, reason="ROLLOUT_AIRFLOW names no Python that has Airflow 3")
@pytest.mark.parametrize(("code", "state"), [(0, "success"), (10, "skipped"), (20, "failed")])
def test_airflow_runs_a_dag(tmp_path: Path, code: int, state: str) -> None:
    """Airflow itself imports the file and runs a task: a NO_GO is no green one."""
    past = timetable(PLAN, CLOCK, date(2026, 1, 5), 5)
    for name, text in files_of("airflow", past, place(tmp_path, ODD), CLOCK).items():
        (tmp_path / "dags").mkdir()
        (tmp_path / "dags" / name).write_text(text, encoding="utf-8")
    around = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"), "TOLD": str(tmp_path / "told"),
        "CODE": str(code),
    }  # fmt: skip
    airflow = (str(AIRFLOW), "-m", "airflow")
    for step in (("db", "migrate"), ("dags", "reserialize")):
        subprocess.run([*airflow, *step], env=around, check=True, capture_output=True)
    script = (
        "import gc, json, runpy, sys; from airflow.sdk import DAG; runpy.run_path(sys.argv[1]); "
        "dags = {d.dag_id: d for d in gc.get_objects() if isinstance(d, DAG)}; "
        "run = dags['rollout_week_1_stage_0'].test(); "
        "print('\\n' + json.dumps([len(dags), run.get_task_instances()[0].state]))"
    )
    done = subprocess.run(
        [str(AIRFLOW), "-c", script, str(tmp_path / "dags" / "rollout_dags.py")], env=around,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == [len(JOBS), state], done.stderr
    assert (tmp_path / "told").read_text("utf-8").splitlines()[1:] == [*past[1].arguments]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("systemd", "a'b"),
        ("systemd", "a\\b"),
        ("github", "a${{b"),
        ("airflow", "a{{b"),
        ("airflow", "a{%b"),
        *((k, "a\nb") for k in KINDS),
    ],
)
def test_paths_that_cannot_be_told(kind: str, name: str) -> None:
    """What a scheduler takes for its own template, or for the end of a line, is refused."""
    where = Place(Path("/") / name, Path("/rollout"))
    with pytest.raises(UsageError, match="move the workbook to a plainer path"):
        files_of(kind, JOBS, where, CLOCK)


def test_titles_of_the_plan_stay_titles(tmp_path: Path) -> None:
    """A week's name with a line break or a specifier is words, and runs nothing."""
    job = Job("x", say("50 %h: '\""), ("watch",))
    where = place(tmp_path, PLAIN)
    assert (
        "Description=rolloutlib, 50 %%h: '\"" in files_of("systemd", [job], where, CLOCK)["x.timer"]
    )
    (text,) = files_of("github", [job], where, CLOCK).values()
    assert yaml.safe_load(text)["jobs"]["x"]["name"] == str(job.title)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_titles_are_in_the_language_that_is_spoken(tmp_path: Path, kind: str) -> None:
    """Who reads the scheduler's list of jobs in Korean reads no English title in it."""
    with speaking("ko"):
        text = "\n".join(files_of(kind, JOBS, place(tmp_path, PLAIN), CLOCK).values())
    assert "W2: 스테이지 1 종료 검토" in text
    assert "review the exit" not in text
    assert "watch the stage" not in text


@pytest.mark.parametrize(
    ("daily", "line", "encoding", "title"),
    [
        ("lang: ko", "schedule cron", "utf-8", "적용 중인 스테이지 모니터링"),
        ("lang: ko", "schedule cron --lang en", "utf-8", "watch the stage in force"),
        ("lang: en", "--lang ko schedule cron", "utf-8", "적용 중인 스테이지 모니터링"),
        ("", "schedule cron", "utf-8", "적용 중인 스테이지 모니터링"),
        ("lang: ko", "schedule cron", "ascii", "watch the stage in force"),
    ],
)
def test_titles_are_in_the_language_of_the_workbook(
    daily: str, line: str, encoding: str, title: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The call decides, then params/daily.yaml, then the environment; ASCII holds no Hangul."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").write_bytes((ROOT / "params" / "plan.yaml").read_bytes())
    (tmp_path / "params" / "daily.yaml").write_text(f"{daily}\n", "utf-8")
    place(tmp_path, ".")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROLLOUT_LANG", "ko")
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    assert main(line.split()) == 0
    screen.seek(0)
    assert f"# {title}" in screen.read().splitlines()


def test_a_language_that_there_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told with its file."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "plan.yaml").write_bytes((ROOT / "params" / "plan.yaml").read_bytes())
    (tmp_path / "params" / "daily.yaml").write_text("lang: kr\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["schedule", "cron"]) == 2
    assert "params/daily.yaml: lang is 'kr'; expected 'en' or 'ko'" in capsys.readouterr().err


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints one file, or several under their names, or writes them; --start may be absent."""
    start = datetime.now(SEOUL).date() + timedelta(days=2)
    assert main(["schedule", "cron", "--start", str(start), "--zone", "Asia/Seoul"]) == 0
    assert capsys.readouterr().out.count("rollout review") == 6
    assert main(["schedule", "systemd"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("### rollout-watch.service\n")
    assert output.err.startswith("rollout: no reviews are scheduled: nobody says")
    assert main(["schedule", "github", "--write", str(tmp_path), "--start", str(start)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / ".github/workflows/rollout.yml")
    assert (tmp_path / ".github" / "workflows" / "rollout.yml").is_file()


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where a folder goes: a sentence that says what to do."""
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    assert main(["schedule", "airflow", "--write", str(tmp_path / "taken")]) == 1
    refusal = capsys.readouterr().err.splitlines()[-1]
    assert refusal.endswith("(File exists); name a folder where you may write: --write DIR")
    assert (tmp_path / "taken").read_text("utf-8") == "mine"


def test_what_is_past_is_not_scheduled(capsys: pytest.CaptureFixture[str]) -> None:
    """A review whose moment is over would run at once, or in a year: its command is told."""
    start = datetime.now(SEOUL).date() - timedelta(days=10)
    assert main(["schedule", "cron", "--start", str(start), "--zone", "Asia/Seoul"]) == 0
    output = capsys.readouterr()
    assert output.out.count("rollout review") == 5
    day = start + timedelta(days=4)
    again = f"`rollout review 0 --as-of {day}T09:00+09:00 --out reports/stage-0-{day}`"
    assert output.err == f"rollout: past, and left out: W1: review the exit of stage 0; {again}\n"


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("schedule cron --at 25:00", "'25:00' is no time of day such as 09:00"),
        ("schedule cron --start 2026-13-01", "'2026-13-01' is no date such as 2026-11-02"),
        ("schedule cron --start 9999-12-30", "'9999-12-30' is no date such as"),
        ("schedule crn", "Did you mean 'cron'?"),
        ("schedule cron --day 8", "'8' is no whole number from 1 to 7"),
    ],
)
def test_mistakes(line: str, refusal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a sentence with the command's usage."""
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert refusal in capsys.readouterr().err


def test_a_zone_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told with what was meant."""
    assert main(["schedule", "cron", "--zone", "Asia/Soul"]) == 2
    assert "Did you mean 'Asia/Seoul'?" in capsys.readouterr().err


def test_weeks_are_seven_days() -> None:
    """The day within the week is the one that was asked for."""
    for day in (1, 7):
        (_, first, *_rest) = timetable(PLAN, CLOCK, START, day)
        assert first.when is not None
        assert first.when.date() == START + timedelta(days=day - 1)
