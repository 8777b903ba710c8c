"""Code → sentence of what the Go/No-Go checks found; see templates.py."""

from __future__ import annotations

from typing import Final

__all__ = ["CHECKS"]

CHECKS: Final = {
    # What a check found.
    "check.no_folder": "There is no evidence folder.",
    "suites.fail": "These suites fail: {suites}. {age}",
    "suites.unfilled": "These suites wait for their results, and are drafts: {suites}.",
    "suites.open": "These suites are open: {suites}.",
    "suites.pass": "All {count} suites pass. {age}",
    "suites.flaky": "All {count} suites pass, but some tests failed first: {tests}. {age}",
    # Why a suite is open: phrases of suites.open.
    "suite.unfilled": "{suite}: its draft waits for the result",
    "suite.no_file": "{suite} has no result",
    "suite.unreadable": "{suite}: {file} {what}",
    "suite.not_run": "{suite}: of {tests} tests none ran",
    "suite.absent": "{suite}: of {declared} declared tests {absent} are missing",
    "suite.surplus": "{suite}: {cases} tests are in the file, which declares {declared}",
    "suite.other": "{suite}: the suite in its file is called {named}",
    "suite.copy": "{suite}: its file tells the same tests and times as that of {other}",
    "suite.odd": "{suite}: {field} is {value!r}, which says neither passed nor failed",
    # What a file is instead of JUnit XML: phrases of suite.unreadable.
    "file.empty": "is empty",
    "file.large": "is larger than {most:,} bytes",
    "file.foreign": "is {format}, not JUnit XML",
    "file.root": "is not JUnit XML (its root is {root})",
    "file.encoding": "has the unknown encoding {encoding}",
    "file.entities": "declares XML entities, which are refused",
    "file.broken": "is cut off or broken ({error})",
    "incidents.no_file": "There is no incidents.jsonl.",
    "incidents.no_time": "The runs carry no time, so the last {hours} hours are unknown.",
    "incidents.one": "{incident}; {hours} hours without an incident are asked for.",
    "incidents.recent": (
        "{count} incidents, the latest: {latest}; {hours} hours without an incident are asked for."
    ),
    "incidents.empty": "incidents.jsonl is empty: nothing says until when it tells every incident.",
    "incidents.uncovered": "incidents.jsonl says nothing after {until}; it has to cover {moment}.",
    "incidents.none": (
        "No incident in the {hours} hours before {now}; what is known ends at {until}."
    ),
    # What is true of an incident: phrases of incidents.one and incidents.recent.
    "incident.open": "{title} ({severity}) has been open for {span}",
    "incident.ended": "{title} ({severity}) ended {span} before, at {at}",
    "incident.until": "{title} ({severity}) was open until {at}",
    "incident.later": "{title} ({severity}) began later, at {at}",
    "span.short": "less than an hour",
    "span.hour": "1 hour",
    "span.hours": "{count} hours",
    "span.days": "{count} days",
    "documents.no_file": "There is no changes.yaml.",
    "documents.stale": "These documents do not reflect the change: {documents}. {age}",
    "documents.missing": "Nothing is said of these documents: {documents}.",
    "documents.no_path": "These documents are not where changes.yaml says: {documents}.",
    "documents.changed": "These documents are not those that changes.yaml attests: {documents}.",
    "documents.unchanged": (
        "These documents are as they were in the last green record: {documents}."
    ),
    "documents.copies": "{documents} is another copy of the file of {originals}.",
    "documents.unread": (
        "The evidence cannot be read: {what}. As far as it can, it says of a document that it does "
        "not reflect the change (line {lines})."
    ),
    "documents.shared": (
        "All {count} documents reflect the change; one file is several of them: {shared}. {age}"
    ),
    "documents.shared_waived": (
        "All {count} documents reflect the change or are waived: {waived}; one file is several of "
        "them: {shared}. {age}"
    ),
    "documents.reflect": "All {count} documents reflect the change. {age}",
    "documents.waived": "All {count} documents reflect the change or are waived: {waived}. {age}",
    "notes.no_file": "There is no release-notes.md.",
    "notes.lack": "The release notes lack: {sections}. {age}",
    "notes.whole": "The release notes have all sections. {age}",
    # How old evidence is, by its own word.
    "age.told": "Evidence of {at}.",
    "age.partly": "Evidence of {at}; nothing tells the age of: {files}.",
    "age.unknown": "Nothing tells the age of: {files}.",
    "evidence.future": "Dated in the future: {files}, of {at}.",
    "evidence.stale": "Older than the newest treatment run, of {newest}: {files}, of {at}.",
    "evidence.old": (
        "More than {days} days older than the newest treatment run, of {newest}: {files}, of {at}."
    ),
    "evidence.undated": "The plan limits the age of evidence; nothing tells the age of: {files}.",
    "evidence.no_run_time": (
        "The plan limits the age of evidence, but the runs carry no time to compare with."
    ),
    "evidence.unfilled": (
        "Still a draft: {file} has placeholders, TODO(…), in line {lines}; put in what is true."
    ),
    "evidence.simulated": (
        "The evidence calls itself simulated, and the runs do not; bring what is from real work."
    ),
    "evidence.other_runs": (
        "It was not made for these runs: {parts}. Bring evidence of these, or correct what it says."
    ),
    # What evidence says that it is of: phrases of evidence.other_runs.
    "evidence.unlike": "{file} says {field} {value}, and the reviewed runs have {actual}",
    "evidence.untold": "{file} says {field} {value}, which the reviewed runs do not tell",
    "evidence.unreadable": "The evidence cannot be read: {what}",
}
