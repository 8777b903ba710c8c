"""What the tests of Korean pages take for English, and what they do not."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.english import english_in, hangul_in, texts_of, texts_of_chart, texts_of_markdown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("통과율: 이 자료는 rows of another arm 입니다.", ["rows of another arm"]),
        ("Pass rate", ["Pass rate"]),
        ("no bound, 3 of 5", ["no bound of"]),
        ("통과율 (Pass rate)", []),
        ("Tango(1998) 짝지은 점수 구간 (Rao & Scott 1992, CR3)", []),
        ("공변량 보정: CUPED, Deng et al. (2013)", []),
        ("다음: `rollout keys add ROLE NAME`", []),
        ("GO 또는 NO-GO, p95 2,200 ms", []),
        ("팔 old mean arm 의 표본", []),
    ],
)
def test_english_is_three_words_in_a_row(text: str, words: list[str]) -> None:
    """Sentences are found, also without Hangul; citations, code, data and abbreviations are not."""
    assert english_in(text, {"old mean arm"}) == words


def test_hangul_on_an_english_page_is_found_but_for_data() -> None:
    """A Korean arm may stand in an English sentence; a Korean sentence may not."""
    assert hangul_in("The arm 새 모델 lost 3 pp.", {"새 모델"}) == []
    assert hangul_in("The arm 새 모델 lost 3 pp.") == ["새 모델"]


def test_a_page_says_what_is_seen_and_what_is_read_aloud() -> None:
    """Texts come block by block, with alternative texts and charts, without code and styles."""
    picture = b64encode("<svg><title>점</title><text>an axis title</text></svg>".encode()).decode()
    html = (
        "<style>p {color: red}</style><p>첫 <strong>문단</strong> <code>rollout x</code> 끝</p>"
        f'<td>표<br>둘째</td><img alt="그림의 글" src="data:image/svg+xml;base64,{picture}">'
    )
    assert texts_of(html) == [
        "첫 문단 █ 끝", "표", "둘째", "그림의 글", "점", "an axis title",
    ]  # fmt: skip
    assert "둘째 칸" in texts_of_markdown("| 첫 칸 | 둘째 칸 |\n|---|---|\n| 1 | 2 |\n")


def test_a_chart_says_titles_tooltips_and_words_of_its_data() -> None:
    """What a pointer or a legend shows counts as what a picture shows."""
    spec = {
        "encoding": {"x": {"field": "x", "axis": {"title": "축"}, "type": "quantitative"},
                     "tooltip": [{"field": "n", "title": "표본"}]},
        "datasets": {"rows 0": [{"x": 1, "says": "통과율"}]},
    }  # fmt: skip
    assert set(texts_of_chart(spec)) == {"축", "표본", "통과율"}
