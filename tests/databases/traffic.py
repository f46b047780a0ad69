"""Clients that log in, read, refresh and are refused, all at once, and write down what they were answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx2

PASSWORD = "correct horse battery"
Answer = tuple[str, int]


class Caller:
    """One client of a server."""

    def __init__(self, base_url: str, user: str) -> None:
        self._http = httpx2.Client(base_url=base_url, timeout=60)
        self._user = user
        self.answers: list[Answer] = []

    def ask(self, method: str, path: str, *, what: str, **more: Any) -> Any:
        answer = self._http.request(method, path, **more)
        self.answers.append((what, answer.status_code))
        return answer

    def round(self) -> None:
        """A login, two requests with its token, a write, a refresh, a forged token, the end of the session."""
        login = {"username": self._user, "password": PASSWORD}
        answer = self.ask("POST", "/api/token/", what="login", json=login)
        if answer.status_code != 200:
            return
        found = answer.json()
        headers = {"authorization": f"Bearer {found['access']}"}
        for _ in range(2):
            self.ask("GET", "/private/", what="read", headers=headers)
        self.ask("POST", "/articles/", what="write", headers=headers, json={"title": "x"})
        forged = {"authorization": f"Bearer {found['access'][:-8]}AAAAAAAA"}
        self.ask("GET", "/private/", what="forged", headers=forged)
        refreshed = self.ask(
            "POST", "/api/token/refresh/", what="refresh", json={"refresh": found["refresh"]}
        )
        if refreshed.status_code == 200:
            token = {"refresh": refreshed.json()["refresh"]}
            self.ask("POST", "/api/token/revoke/", what="revoke", json=token)

    def close(self) -> None:
        self._http.close()


EXPECTED = {"login": 200, "read": 200, "write": 201, "forged": 401, "refresh": 200, "revoke": 204}


def together(callers: list[Caller], work: Callable[[Caller], None]) -> None:
    """Run `work` for each caller in a thread of its own; raises what one of them raised."""
    problems: list[BaseException] = []

    def run(caller: Caller) -> None:
        try:
            work(caller)
        except BaseException as error:  # noqa: BLE001 - raised again below
            problems.append(error)
        finally:
            caller.close()

    threads = [threading.Thread(target=run, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if problems:
        raise problems[0]
