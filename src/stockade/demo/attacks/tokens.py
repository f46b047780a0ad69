"""Stolen tokens: a refresh token used many times at once, one used on after its owner came back, an access token
after logout."""

from __future__ import annotations

from stockade.demo.attacks.client import AttackError, Request, Target
from stockade.demo.attacks.outcome import Outcome, of

TIMES = 8  # how often the stolen token is used at once
ROUNDS = 20  # how often that is repeated, with a fresh login each
CALLS = 40  # enough to meet every worker


def refresh_race(target: Target) -> Outcome:
    """Redeem one refresh token `TIMES` times in the same moment; count the different successors that work.

    One login may go on in one lineage. Two different successors that both work are two sessions, and the thief has one.
    """
    most, errors, rounds = 0, 0, []
    for _ in range(ROUNDS):
        here = target.elsewhere()
        stolen = here.login("alice").refresh
        answers = here.at_once([Request("POST", "/api/token/refresh/", {"refresh": stolen})] * TIMES)
        errors += sum(answer.status >= 500 or answer.status == 0 for answer in answers)
        pairs = {
            answer.json().get("refresh"): answer.json().get("access")
            for answer in answers
            if answer.status == 200
        }
        if not pairs:
            raise AttackError(f"the refresh token was good and nobody could redeem it: {answers[0].status}")
        working = sum(here.admits(access) for access in pairs.values())
        rounds.append(str(working))
        most = max(most, working)
    return Outcome(
        stopped=most == 1 and errors == 0,
        result=f"{most} session{'s' if most != 1 else ''} out of one"
        + (f", {errors} errors" if errors else ""),
        numbers={
            "times": TIMES,
            "rounds": ROUNDS,
            "sessions": most,
            "sessions_by_round": rounds,
            "errors": errors,
        },
    )


def refresh_theft(target: Target) -> Outcome:
    """The thief redeems twice, then the owner comes with her old token: does the thief stay in?"""
    here = target.elsewhere()
    stolen = here.login("alice").refresh
    thief = here.refresh(stolen).json().get("refresh", "")
    second = here.refresh(thief)
    if second.status != 200:
        raise AttackError(f"a refresh token used in order was refused: {second.status}")
    owner = here.refresh(stolen)
    third = here.refresh(second.json()["refresh"])
    inside = third.status == 200 or here.admits(second.json()["access"])
    return Outcome(
        stopped=not inside and owner.status != 200,
        result="the thief stays in" if inside else "the theft is seen, the session ends",
        numbers={"owner_status": owner.status, "thief_status": third.status},
    )


def after_logout(target: Target) -> Outcome:
    """Log out, then go on with the access token, often enough to meet every worker."""
    here = target.elsewhere()
    pair = here.login("bob")
    if not here.admits(pair.access):
        raise AttackError("a fresh access token was refused")
    out = here.post("/api/token/revoke/", {"refresh": pair.refresh}, pair.access)
    if out.status not in {200, 204, 205}:
        raise AttackError(f"logout was refused: {out.status}")
    admitted = sum(here.admits(pair.access) for _ in range(CALLS))
    return Outcome(
        stopped=admitted == 0,
        result=f"{of(admitted, CALLS)} calls admitted",
        numbers={"calls": CALLS, "admitted": admitted},
    )
