"""JMeter asks a server of this machine, and writes its results as CSV and as XML.

Debian's JMeter cannot load its own plans, so that a program of Java builds one (Asking.java); the
engine and what writes the files are JMeter's. Run: `python write_jmeter.py FOLDER`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from answering import SLOW, answering

PROGRAM = Path(__file__).with_name("Asking.java")
HOME = "/usr/share/jmeter"
CLASSES = f"{HOME}/bin/ApacheJMeter.jar:{HOME}/lib/*:{HOME}/lib/ext/*"
SAVE = "jmeter.save.saveservice"


def run(file: Path, address: str, *properties: str) -> None:
    """Let three threads ask twenty times each."""
    file.parent.mkdir(parents=True, exist_ok=True)
    words = ["java", "-cp", CLASSES, PROGRAM, f"{address}/ask", file, *properties]
    subprocess.run(words, check=True, timeout=120, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for arm in SLOW:
        with answering(arm) as url:
            run(out / arm / "run.jtl", url, f"{SAVE}.output_format=csv",
                f"{SAVE}.print_field_names=true")  # fmt: skip
    with answering("v1") as url:
        run(out / "xml" / "run.jtl", url, f"{SAVE}.output_format=xml")
