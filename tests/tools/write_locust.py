"""locust asks a server of this machine, and writes its totals and the log of its requests.

Run in .venv-tools: `python write_locust.py FOLDER`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from answering import SLOW, USERS, answering

FILE = Path(__file__).with_name("locustfile.py")


def run(folder: Path, address: str) -> None:
    """Let the users ask; it ends when all have asked, a minute later at the latest."""
    folder.mkdir(parents=True)
    words = ["-f", FILE, "--headless", "-u", str(USERS), "-r", str(USERS), "-t", "60s",
             "--host", address,
             "--csv", "totals", "--json-file", "totals", "--only-summary",
             "--exit-code-on-error", "0"]  # fmt: skip
    subprocess.run([sys.executable, "-m", "locust", *words], cwd=folder, check=True, timeout=120)


if __name__ == "__main__":
    for arm in SLOW:
        with answering(arm) as url:
            run(Path(sys.argv[1]) / arm, url)
