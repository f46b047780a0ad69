"""Too much: a limit under many workers, and a password guessed as fast as the server lets one."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

from stockade.demo.attacks.client import Answer, AttackError, Request, Target, bearer
from stockade.demo.attacks.outcome import Outcome, of

REQUESTS = 400
GUESSES = 100
MORE_GUESSES = 60  # where 100 would tell nothing new: more than any of the two servers promises to admit


def limit(target: Target) -> Outcome:
    """Send `REQUESTS` requests of one user at once; count how many get past the limit."""
    here = target.elsewhere()
    access = here.login(
        "admin"
    ).access  # who has called nothing yet: the limit is one for all that a user does
    answers = here.at_once([Request("GET", "/api/profile/", headers=bearer(access))] * REQUESTS)
    statuses = Counter(answer.status for answer in answers)
    admitted, refused = statuses[200], statuses[429]
    if not admitted:
        raise AttackError(f"no request was admitted: {dict(statuses)}")
    return Outcome(
        stopped=admitted <= target.user_limit and admitted + refused == REQUESTS,
        result=f"{admitted} of {REQUESTS} admitted, {target.user_limit} allowed",
        numbers={"limit": target.user_limit, "requests": REQUESTS, "admitted": admitted, "refused": refused},
    )


def guess_at_once(target: Target) -> Outcome:
    """Guess one password `GUESSES` times in the same moment, from one address."""
    return _besiege(target, "carol", lambda: target.elsewhere().at_once(_guesses("carol", GUESSES)))


def guess_from_many_addresses(target: Target) -> Outcome:
    """Guess one password from as many addresses as there are guesses."""
    sources = [target.elsewhere().source for _ in range(MORE_GUESSES)]
    return _besiege(target, "bob", lambda: target.at_once(_guesses("bob", MORE_GUESSES), sources))


def guess_behind_invented_proxies(target: Target) -> Outcome:
    """Guess one password from one address, naming another one in X-Forwarded-For each time."""
    invented = [f"203.0.113.{number}".encode() for number in range(MORE_GUESSES)]
    guesses = _guesses("alice", MORE_GUESSES, invented)
    return _besiege(target, "alice", lambda: target.elsewhere().at_once(guesses))


def _guesses(user: str, times: int, forwarded: list[bytes] | None = None) -> list[Request]:
    return [
        Request(
            "POST",
            "/api/token/",
            {"username": user, "password": secrets.token_urlsafe(9)},
            (("X-Forwarded-For", forwarded[number]),) if forwarded else (),
        )
        for number in range(times)
    ]


def _besiege(target: Target, user: str, guess: Callable[[], list[Answer]]) -> Outcome:
    """Guess, and see that the owner, who has been here before, is not locked out by it."""
    home = target.elsewhere()
    home.login(user)
    answers = guess()
    owner = home.post("/api/token/", {"username": user, "password": target.passwords[user]}).status == 200
    statuses = Counter(answer.status for answer in answers)
    verified, refused = statuses[401] + statuses[400], statuses[429]
    return Outcome(
        stopped=verified <= target.login_limit and verified + refused == len(answers) and owner,
        result=f"{of(verified, len(answers))} guesses tried"
        + ("" if owner else ", and the owner is locked out"),
        numbers={
            "limit": target.login_limit,
            "guesses": len(answers),
            "verified": verified,
            "refused": refused,
            "owner_gets_in": int(owner),
        },
    )
