"""Our pairs of tokens for a session of allauth's."""

from __future__ import annotations

from typing import Any

from stockade import truth
from stockade.contrib.allauth.proofs import kept
from stockade.schemes.jwt import Pair, issue

PAIR = "stockade_allauth_pair"  # in allauth's session: the id of ours, which ends with it


def pair_of(request: Any, user: Any) -> Pair:
    """A pair for the user of a session, as fresh and as strong as what he has proven in it.

    The session of a former pair ends: a copy of its refresh token does not get any fresher.

    Args:
        request: with allauth's session, which is changed.
        user: logged in by it.

    Raises: as `stockade.issue`.
    """
    found = kept(request.session, user)
    pair = issue(user, request, amr=found.amr, auth_time=found.auth_time)
    former = request.session.get(PAIR)
    if former:
        truth.end_sessions(ids=[former], reason="replaced")
    request.session[PAIR] = pair.session
    return pair
