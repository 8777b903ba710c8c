"""A simulator, no engine.

It speaks the engine's contract, honours the flags, and is the same for the same seed.

One run_request on standard input, one run_result on standard output. Nothing is generated and
nothing is measured: the text of a prompt and the seed draw what would have come of it, and the
flags shift that, so the arms of a prompt differ by their flags alone. Only the standard library is
used.

    echo '{"inputs": {"text": "Why is the sky blue?", "guidelines": ""},
           "flags": {"searchLite": true},
           "constraints": {"minScore": 7.0, "maxLatency": 2000}, "session": {"seed": 1}}' | python
           engine.py

Options: --broken makes search summaries long and many (a regression). --fault KIND breaks the
    contract for a part of
the prompts, --share says for how many: hang, exit, half, log, fallback.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from typing import Any

FAULTS = ("hang", "exit", "half", "log", "fallback")
ISSUES = ("ambiguous", "format_issue", "style_mismatch", "too_long")


def answer(request: dict[str, Any], *, broken: bool) -> dict[str, Any]:
    """Return a run_result with one sample for one prompt."""
    flags = {key.removeprefix("feature."): value for key, value in request["flags"].items()}
    draw = random.Random(f"{request['session'].get('seed')}|{request['inputs']['text']}")  # noqa: S311
    quality, speed, luck, taste = (
        draw.gauss(0, 1) for _ in range(4)
    )  # drawn first: the same under all flags
    search, steered = flags.get("searchLite", False), flags.get("difficultyDistribution", True)
    hallucinated = luck < (
        -1.1 if search and broken else -1.9 if search else -1.4 if steered else -0.9
    )
    score = 8.0 + 0.3 * search - 0.7 * (search and broken) + 0.6 * quality - 0.9 * hallucinated
    score -= 0.2 * (flags.get("mode") == "explore")
    latency_ms = round((1500 + 60 * search + 450 * (search and broken)) * 1.1**speed)
    style = int(taste > 1) + int(not flags.get("styleGuard", True))
    issues = ["hallucination"] * hallucinated + [tag for tag in ISSUES if draw.random() < 0.05]
    status = (
        "passed"
        if score >= request["constraints"]["minScore"]
        else "vetoed"
        if hallucinated
        else "failed"
    )
    sample = {
        "id": "1",
        "status": status,
        "score": round(min(10.0, max(0.0, score)), 2),
        "latencyMs": latency_ms,
    }
    sample |= {"issues": issues, "styleViolations": style}
    if flags.get("autoTagging", True):
        sample |= {
            "suggestedTags": issues[:2],
            "confirmedTags": issues[: 1 if draw.random() < 0.1 else 2],
        }
    return {"metrics": _metrics(sample), "issuesTop3": issues[:3], "samples": [sample]}


def _metrics(sample: dict[str, Any]) -> dict[str, float]:
    rates = {
        "passRate": float(sample["status"] == "passed"),
        "vetoedPct": float(sample["status"] == "vetoed"),
    }
    return rates | {"avgScore": sample["score"], "avgLatency": float(sample["latencyMs"])}


def _print(result: dict[str, Any], fault: str) -> int:
    text = json.dumps(result)
    if fault == "hang":
        time.sleep(3600)
    if fault == "exit":
        print("provider closed the connection", file=sys.stderr)
        return 1
    if fault == "log":
        print("INFO starting the Architect")
    print(text[: len(text) // 2] if fault == "half" else text)
    return 0


def main() -> int:
    """Answer one request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--broken", action="store_true", help="search summaries are long and many")
    parser.add_argument("--fault", choices=FAULTS, default="", help="how to break the contract")
    parser.add_argument(
        "--share", type=float, default=1.0, help="for which share of the prompts (default: all)"
    )
    options = parser.parse_args()
    request = json.load(sys.stdin)
    chosen = random.Random("fault" + request["inputs"]["text"]).random() < options.share  # noqa: S311
    fault = options.fault if chosen else ""
    result = answer(request, broken=options.broken)
    return _print(result | ({"providerNote": "CLI_FALLBACK"} if fault == "fallback" else {}), fault)


if __name__ == "__main__":
    sys.exit(main())
