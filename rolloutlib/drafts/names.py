"""By which names people call the fields of a sample, in English and Korean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

__all__ = [
    "CONTROLS",
    "FIELDS",
    "MEASURED",
    "SEGMENTS",
    "TREATMENTS",
    "UNIT_OF",
    "fields_of",
    "folded",
    "measures_beside",
    "unit_of",
]

# Field → its names, folded; the first that a table has wins. What is a field only by its values
# (id, result, model) is looked at in `table`.
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "arm": (
        "arm", "variant", "variation", "group", "treatmentgroup", "experimentgroup", "bucket",
        "실험군", "실험그룹", "그룹", "군", "집단", "변형",
    ),
    "model": (
        "model", "modelname", "modelid", "provider", "providerid", "version", "modelversion",
        "system", "engine", "deployment", "모델", "모델명", "버전", "시스템",
    ),
    "run_id": ("runid", "run", "evalid", "experimentid", "jobid", "실행", "실행번호", "실행id"),
    "started_at": (
        "startedat", "starttime", "started", "timestamp", "createdat", "created", "datetime",
        "date", "time", "ts", "시작시각", "시작일시", "일시", "시각", "날짜", "생성일시", "생성일",
    ),
    "prompt_id": (
        "promptid", "questionid", "qid", "itemid", "taskid", "exampleid", "caseid", "testid",
        "testcaseid", "inputid", "docid", "promptno", "문항id", "문항번호", "문제번호", "질문id",
        "질문번호", "프롬프트id", "문항", "번호",
    ),
    "id": ("id", "uid", "uuid", "key", "아이디", "식별자"),
    "index": ("index", "idx", "no", "row", "rowid", "순번", "연번"),
    "prompt": (
        "prompt", "question", "query", "input", "instruction", "userinput", "inputs", "request",
        "질문", "문제", "질의", "입력", "프롬프트", "지시문",
    ),
    "answer": (
        "answer", "response", "output", "completion", "prediction", "generation", "modeloutput",
        "actualoutput", "outputs", "답변", "응답", "출력", "모델답변", "생성결과",
    ),
    "sample_id": ("sampleid", "responseid", "answerid", "requestid", "traceid", "응답id"),
    "user_id": (
        "userid", "user", "username", "customerid", "customer", "studentid", "사용자", "사용자id",
        "고객", "고객id", "학생", "회원", "회원번호",
    ),
    "session_id": (
        "sessionid", "session", "conversationid", "threadid", "dialogid", "세션", "세션id", "대화",
        "대화id",
    ),
    "category": (
        "category", "topic", "domain", "subject", "tasktype", "분류", "범주", "카테고리", "주제",
        "영역", "과목",
    ),
    "difficulty": ("difficulty", "level", "난이도"),
    "passed": (
        "passed", "pass", "ispassed", "success", "succeeded", "correct", "iscorrect", "accuracy",
        "acc", "exactmatch", "em", "match", "resolved", "solved", "통과", "합격", "정답여부",
        "정오", "성공", "성공여부", "통과여부", "합격여부", "정답", "correctness", "ok", "isok",
    ),
    "failed": ("failed", "fail", "isfailed", "incorrect", "wrong", "실패", "실패여부", "오답여부"),
    "status": (
        "status", "outcome", "verdict", "result", "state", "evalresult", "judgement", "judgment",
        "상태", "결과", "판정", "평가결과", "채점결과",
    ),
    "score": (
        "score", "rating", "totalscore", "overallscore", "overall", "finalscore", "quality",
        "grade", "judgescore", "correctness", "점수", "평점", "평가점수", "총점", "별점",
        "품질", "품질점수",
    ),
    "latency_ms": (
        "latency", "duration", "elapsed", "elapsedtime", "responsetime", "latencytime", "runtime",
        "timetaken", "generationtime", "지연", "지연시간", "응답시간", "소요시간", "처리시간",
        "레이턴시", "걸린시간",
    ),
    "issues": (
        "issues", "issue", "failuremodes", "failuremode", "problems", "flaws", "issuetags", "이슈",
        "문제점", "오류유형", "결함",
    ),
    "cost": ("cost", "totalcost", "price", "costusd", "totalcostusd", "비용", "요금", "총비용"),
    "tokens_in": (
        "tokensin", "inputtokens", "prompttokens", "numprompttokens", "입력토큰", "입력토큰수",
    ),
    "tokens_out": (
        "tokensout", "outputtokens", "completiontokens", "generatedtokens", "출력토큰",
        "출력토큰수",
    ),
    "cached": ("cached", "cachehit", "fromcache", "iscached", "캐시", "캐시여부"),
    "human_passed": (
        "humanpassed", "humanpass", "humanlabel", "humanverdict", "humancorrect", "사람판정",
        "검수결과",
    ),
    "human_score": ("humanscore", "humanrating", "사람점수", "검수점수"),
    "error": (
        "error", "iserror", "haserror", "errormessage", "exception", "errored", "오류", "에러",
    ),
    "veto_reason": ("vetoreason", "blockedreason", "차단사유"),
}  # fmt: skip

# Fields of which one says how an answer was.
MEASURED: Final = frozenset({"passed", "failed", "status", "score", "latency_ms", "issues"})
_TELLING: Final = MEASURED | {"arm"}

# Names of files and folders that tell which arm they are, folded.
CONTROLS: Final = (
    "control", "baseline", "base", "old", "before", "reference", "대조군", "기존", "이전",
)  # fmt: skip
TREATMENTS: Final = (
    "treatment", "candidate", "new", "after", "variant", "처치군", "실험군", "신규", "이후",
)  # fmt: skip

SEGMENTS: Final = {
    "language": ("language", "lang", "locale", "언어"),
    "country": ("country", "region", "geo", "국가", "지역"),
    "platform": ("platform", "device", "os", "client", "플랫폼", "기기"),
}

# The end of a latency's name → its unit.
UNIT_OF: Final = {
    "milliseconds": "ms", "millis": "ms", "msec": "ms", "ms": "ms", "밀리초": "ms",
    "microseconds": "us", "micros": "us", "us": "us", "nanoseconds": "ns", "nanos": "ns",
    "ns": "ns", "seconds": "s", "secs": "s", "sec": "s", "s": "s", "초": "s", "minutes": "min",
    "mins": "min", "min": "min", "분": "min", "hours": "h",
}  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[\s_\-/()\[\]:]+")


def folded(name: str) -> str:
    """Return what spellings of one name have in common.

    >>> folded("Response Time (ms)"), folded("questionId"), folded("question_id")
    ('responsetimems', 'questionid', 'questionid')
    """
    return _BETWEEN.sub("", name).casefold()


def fields_of(column: str) -> tuple[tuple[str, int], ...]:
    """Return the fields that a column may be by its name, with the place among their names.

    Of a dotted path its last name counts, together with the one before it where both say more.

    >>> fields_of("metrics.score"), fields_of("응답시간(초)"), fields_of("notes")
    ((('score', 0),), (('latency_ms', 11),), ())
    >>> [field for field, _ in fields_of("user.id")]
    ['user_id']
    """
    last = column.split(".")
    for name in dict.fromkeys((column, "".join(last[-2:]), last[-1])):
        ranks = {
            field: spellings.index(spelled)
            for field, spellings in FIELDS.items()
            if (spelled := without_unit(name) if field == "latency_ms" else folded(name))
            in spellings
        }
        if ranks:
            return tuple(ranks.items())
    return ()


def measures_beside(columns: Iterable[str], own: Container[str]) -> bool:
    """Whether columns that are not a tool's own measure a sample, or tell its arm, by their names.

    Such a table only resembles the tool's: read as the tool's it would lose them.

    >>> measures_beside(["faithfulness", "passed"], {"faithfulness"})
    True
    """
    other = (column for column in columns if column not in own)
    return any(field in _TELLING for column in other for field, _ in fields_of(column))


def without_unit(name: str) -> str:
    """Return a name, folded, without the unit at its end."""
    words = _BETWEEN.split(_CAMEL.sub("_", name).strip("_)] "))
    last = words[-1].casefold()
    if len(words) > 1 and last in UNIT_OF:
        return folded("".join(words[:-1]))
    return folded(name)


def unit_of(name: str) -> str:
    """Return the unit that a latency's name ends with; empty where it names none.

    >>> unit_of("latency_ms"), unit_of("elapsedSeconds"), unit_of("지연시간(초)"), unit_of("time")
    ('ms', 's', 's', '')
    """
    words = _BETWEEN.split(_CAMEL.sub("_", name).strip("_)] "))
    return UNIT_OF.get(words[-1].casefold(), "") if len(words) > 1 else ""
