"""What is not mine: another user's draft, by id, by list, by count, by filter, and by writing to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from stockade.demo.attacks.client import AttackError, Request, Target, bearer
from stockade.demo.attacks.outcome import Outcome, of

LIST = "/api/articles/"


@dataclass(frozen=True, slots=True)
class _Draft:
    id: str
    title: str


def _drafts_of_bob(target: Target) -> list[_Draft]:
    found = (
        target.get(LIST, target.login("bob").access, author="bob", published="false")
        .json()
        .get("results", [])
    )
    drafts = [_Draft(row["id"], row["title"]) for row in found]
    if not drafts:
        raise AttackError("bob does not see his own drafts")
    return drafts


def by_id(target: Target) -> Outcome:
    """Read, change and delete Bob's draft as Alice, and see whether its id answers otherwise than an id of nothing."""
    here = target.elsewhere()
    draft = _drafts_of_bob(here)[0]
    access = here.login("alice").access
    read = here.get(f"{LIST}{draft.id}/", access)
    nothing = here.get(f"{LIST}{uuid.uuid4()}/", access)
    headers = bearer(access)
    written = [
        here.send(Request("PATCH", f"{LIST}{draft.id}/", {"title": "mine now"}, headers)).status,
        here.send(Request("PUT", f"{LIST}{draft.id}/", {"title": "mine", "body": "mine"}, headers)).status,
        here.send(Request("DELETE", f"{LIST}{draft.id}/", headers=headers)).status,
    ]
    leaked = read.status == 200
    told = read.status != nothing.status or read.body != nothing.body
    changed = any(status < 400 for status in written)
    if leaked or changed:
        result = "read" if not changed else "changed"
    else:
        result = (
            f"{read.status}, but {nothing.status} for no article: it exists"
            if told
            else f"{read.status}, like none"
        )
    return Outcome(
        stopped=not (leaked or told or changed),
        result=result,
        numbers={
            "status": read.status,
            "status_of_nothing": nothing.status,
            "writes": [str(s) for s in written],
        },
    )


def by_list(target: Target) -> Outcome:
    """Look for Bob's drafts as Alice: in the pages of the list, in its count, by filters and by search."""
    here = target.elsewhere()
    drafts = _drafts_of_bob(here)
    access = here.login("alice").access
    everything = here.get(LIST, access, page_size="100").json()
    if not everything.get("results"):
        raise AttackError("alice sees no article at all")
    ids = {draft.id for draft in drafts}
    listed = sum(row["id"] in ids for row in everything["results"])
    uncounted = everything["count"] - len(everything["results"])
    filtered = here.get(LIST, access, author="bob", published="false").json().get("count", 0)
    searched = sum(here.get(LIST, access, search=draft.title).json().get("count", 0) for draft in drafts)
    stopped = not (listed or uncounted or filtered or searched)
    return Outcome(
        stopped=stopped,
        result=f"{of(max(listed, filtered, searched), len(drafts))} drafts seen",
        numbers={
            "drafts": len(drafts),
            "listed": listed,
            "only_counted": uncounted,
            "filtered": filtered,
            "searched": searched,
        },
    )
