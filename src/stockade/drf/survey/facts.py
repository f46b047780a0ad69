"""What the survey tells: one fact about one view or setting, and the closed list of kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact about the project's code or settings.

    Args:
        kind: a key of `KINDS`.
        view: the dotted name of the view; "settings" where no single view is meant.
        where: the route, or the file and line.
        meaning: what it means, in one sentence.
        write: lines of Python to write instead.
        methods: the HTTP methods or actions that it is about; none where that is the whole view.
    """

    kind: str
    view: str
    where: str
    meaning: str
    write: str
    methods: tuple[str, ...] = ()


SETTINGS: Final = "settings"
"""The view of a fact that is about the project's settings."""

KINDS: Final[dict[str, str]] = {
    "anyone-writes": "An unsafe method asks nothing of the caller.",
    "raw-sql": "Text of a client's can become part of a query.",
    "raw-html": "Text of a client's can become script in a page.",
    "writable-privilege": "A client writes what makes a user more, or an object another's.",
    "password-out": "An answer has a password's hash in it.",
    "object-by-hand": "An object is fetched by a part of the URL, and nothing asks whose it is.",
    "object-unchecked": "Every signed-in caller reaches every object.",
    "detached-permission": "A permission about objects is declared, and never asked.",
    "list-leaks": "The list shows objects that the detail route refuses.",
    "tenant-unbound": "A credential of one tenant is good in another.",
    "credential-in-query": "A credential stands in a URL, and so in logs and histories.",
    "login-unlimited": "Passwords may be guessed without end.",
    "csrf-exempt": "Another site's page can send this form in the name of who is logged in.",
    "cors-any-origin": "Pages of every origin read answers to requests with cookies.",
    "refresh-reusable": "A stolen refresh token is good until it expires, used or not.",
    "shared-key": "Tokens are signed by the key that everything else of the project uses too.",
    "long-access": "A stolen access token is good for long, and nothing takes it back.",
    "token-forever": "Tokens never expire, and lie in the database as they are sent.",
    "basic-auth": "The password itself is sent with every request.",
    "throttle-per-process": "Each process counts for itself: the limit is as many times what it says.",
    "raw-output": "Every column of a row leaves.",
    "unbounded-list": "One request may ask for everything.",
    "order-by-anything": "Rows may be ordered or filtered by fields that are never shown.",
    "all-fields": "A column that is added to a model leaves, or is written, by itself.",
    "password-altered": "A password is not taken as it was typed, or no long one is.",
    "anyone-reads": "GET asks nothing of the caller.",
    "names-nothing": "A name in the settings is of no view, and has no effect.",
    "undeclared": "A view without a policy.",
}
"""Every kind with a sentence on what it is, in the order in which the report shows them: what costs most first."""

_ORDER: Final = {kind: at for at, kind in enumerate(KINDS)}


def in_order(facts: list[Fact]) -> list[Fact]:
    """By kind as in `KINDS`, then by view and place."""
    return sorted(facts, key=lambda fact: (_ORDER[fact.kind], fact.view, fact.where))


def beside(key: str, *items: str) -> str:
    """Lines that add items to a dict within STOCKADE, and keep the rest of it.

    A STOCKADE setting of its own would turn everything on in a project that only observes: every view without a policy
    would be refused. Before there is one, these lines stop the start.
    """
    lines = [f'STOCKADE["{key}"] = {{', f'**STOCKADE.get("{key}", {{}}),', *(f"{item}," for item in items)]
    return "\n    ".join(lines) + "\n}"
