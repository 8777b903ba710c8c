"""promptfoo evaluates both arms with a provider in JavaScript and writes its output files.

Run in .venv-tools: `python write_promptfoo.py FOLDER`. It writes both.json and both.jsonl (both
arms in one file), v1/output.json and v2/output.json.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import world

_FOLDER = Path(__file__).resolve().parent


def _config(folder: Path, arms: list[str]) -> Path:
    """Write a configuration of some arms."""
    provider = f"file://{_FOLDER / 'provider.js'}"
    config = {
        "description": "도시",
        "prompts": ["질문 {{number}}: {{city}} 을(를) 그대로 따라 쓰세요"],
        "providers": [
            {"id": provider, "label": arm, "config": {"arm": arm, "every": world.EVERY[arm]}}
            for arm in arms
        ],
        "defaultTest": {
            "assert": [
                {"type": "equals", "value": "{{city}}", "metric": "Exact"},
                {"type": "javascript", "value": "output.length < 8", "metric": "Short"},
            ]
        },
        "tests": f"file://{folder / 'tests.csv'}",
    }
    file = folder / f"{'-'.join(arms)}.config.json"
    file.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    return file


def main(folder: Path) -> None:
    """Write one file of both arms, and a file an arm."""
    with (folder / "tests.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "city", "topic"])
        rows.writerows((n, world.city(n), world.topic(n)) for n in range(world.SIZE))
    env = os.environ | {
        "PROMPTFOO_CONFIG_DIR": str(folder / "home"),
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
        "PROMPTFOO_FAILED_TEST_EXIT_CODE": "0",
    }
    node = Path(sys.prefix) / "bin" / "node"
    entry = Path(sys.prefix) / "node_modules" / "promptfoo" / "dist" / "src" / "main.js"
    arms_of = {"both": ["v1", "v2"], "v1/output": ["v1"], "v2/output": ["v2"]}
    for name, arms in arms_of.items():
        kinds = (".json", ".jsonl") if len(arms) > 1 else (".json",)
        outputs = [part for kind in kinds for part in ("-o", str(folder / f"{name}{kind}"))]
        subprocess.run(
            [node, entry, "eval", "-c", _config(folder, arms), *outputs, "--repeat",
             str(world.REPEATS), "--no-table", "--no-progress-bar"],
            env=env, check=True, cwd=folder,
        )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
