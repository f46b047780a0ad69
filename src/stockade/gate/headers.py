"""The RateLimit-Policy and RateLimit response headers, and Retry-After, from what was charged and what was answered.

Source: draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4 (structured fields, RFC 9651); RFC 9110 section
10.2.3 for Retry-After. This is on the path of every request: what a limit always says is made once for each limit.
"""

from __future__ import annotations

from stockade.gate.protocol import Charge, Verdict

_SECOND = 1_000_000


def policy(charges: tuple[Charge, ...]) -> str:
    """RateLimit-Policy: ``"user";q=1000;w=86400, "burst";q=10;w=1``."""
    return ", ".join([charge[0].policy for charge in charges])


def form(charges: tuple[Charge, ...]) -> str:
    """RateLimit with a place for each number, for `fill`: made once, where `remaining` spells each label again."""
    return ", ".join([charge[0].label.replace("%", "%%") + ";r=%d;t=%d" for charge in charges])


def fill(form: str, charges: tuple[Charge, ...], verdict: Verdict) -> str:
    """RateLimit as `remaining` says it, from `form(charges)`."""
    numbers: list[int] = []
    lefts = verdict.remaining
    for at, reset in enumerate(verdict.reset):
        if reset <= 0:  # nothing used: no t is said
            return remaining(charges, verdict)
        numbers.append(lefts[at])
        numbers.append(-(-reset // _SECOND))
    return form % tuple(numbers)


def remaining(charges: tuple[Charge, ...], verdict: Verdict) -> str:
    """RateLimit: ``"user";r=997;t=86120, "burst";r=9;t=1``: what is left, and in how many seconds more comes free."""
    return ", ".join(
        [
            f"{charge[0].label};r={left};t={-(-reset // _SECOND)}"
            if reset > 0
            else f"{charge[0].label};r={left}"
            for charge, left, reset in zip(charges, verdict.remaining, verdict.reset, strict=True)
        ]
    )


def retry_after(wait: int) -> int:
    """Whole seconds for Retry-After, rounded up, at least 1: a client that obeys is not refused for being early."""
    return max(1, -(-wait // _SECOND))
