"""What docs/load-tests.md says to log of locust's requests, and users who ask."""
# pyright: basic, reportMissingImports=false
# (locust is not installed where the types are checked)

from __future__ import annotations

import itertools
import json
from pathlib import Path

from answering import REQUESTS, USERS
from locust import HttpUser, constant, events, task
from locust.exception import StopUser

log = Path("requests.jsonl").open("a", buffering=1, encoding="utf-8")  # noqa: SIM115 -- until it ends
numbers = itertools.count(1)


@events.request.add_listener
def write(start_time, request_type, name, response_time, exception, context, **_) -> None:  # noqa: ANN001, ANN003 -- locust's own
    """Log a request: when it began, what it asked, how long it took, and whether it failed."""
    row = {
        "start_time": start_time,
        "request_type": request_type,
        "name": name,
        "response_time": response_time,
        "failed": exception is not None,
        **context,
    }
    log.write(json.dumps(row) + "\n")


class Asking(HttpUser):
    """A user with a number of their own, who asks twenty times."""

    wait_time = constant(0.01)
    count, done = 0, itertools.count(1)

    def on_start(self) -> None:
        """Number the user."""
        self.number = next(numbers)

    def context(self) -> dict[str, int]:
        """Say in each request's event who asked."""
        return {"user": self.number}

    @task
    def ask(self) -> None:
        """Ask; the last user to be done ends the run.

        Raises:
            StopUser: after the last question.
        """
        self.client.get("/ask?q=1", name="/ask")
        self.count += 1
        if self.count == REQUESTS:
            if next(Asking.done) == USERS:
                self.environment.runner.quit()
            raise StopUser
