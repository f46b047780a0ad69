"""The rules about how, and how long ago, a user proved who they are; what they lack is asked for by RFC 9470."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stockade.conf import duration, load
from stockade.core import clock
from stockade.core.errors import ConfigurationError, StepUpRequired
from stockade.core.principal import Kind, Principal
from stockade.policy.base import Policy
from stockade.policy.composed import All, AnyOf, Composed, Conceivable, Not
from stockade.policy.conf import AssuranceSettings, Level
from stockade.policy.logic import FALSE, TRUE, Bits
from stockade.policy.rules import Everyone, Nobody, names_of

# Another host's clock may be ahead of ours. What lies further in the future is no time of a login, and holds for none:
# else a clock that was set back would keep everybody fresh.
AHEAD = 60.0

# What machines call with: nobody is there who could prove anything again.
_MACHINES = frozenset({"api_key", "mtls"})


class Fresh(Policy):
    """A user who proved who they are at most so long ago, whatever was refreshed since.

    Holds by `auth_time`: of a login with us, of a token that was given for a password, of a session, or of an issuer
    that is believed. Services, API keys and credentials that do not know the time are never fresh.

    Args:
        age: ``"5m"``, seconds or a timedelta; at least a second. The bound itself is fresh.

    Raises:
        ConfigurationError: it is no time.
    """

    __slots__ = ("_given", "seconds")

    def __init__(self, age: Any) -> None:
        self._given = age
        try:
            self.seconds = duration(age)
        except ValueError as error:
            raise ConfigurationError("stockade.E040", f"Fresh({age!r}) names no age.", str(error)) from None
        if self.seconds < 1:
            raise ConfigurationError(
                "stockade.E040",
                f"Fresh({age!r}) holds for nobody: times of logins are whole seconds.",
                'Write Fresh("5m").',
            )
        user, most, now = Kind.USER, self.seconds, clock.now

        def test(principal: Principal) -> bool:
            credential = principal.credential
            if credential is None or principal.kind is not user or credential.auth_time <= 0:
                return False
            return credential.scheme not in _MACHINES and -AHEAD <= now() - credential.auth_time <= most

        self._about_caller(test)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def __repr__(self) -> str:
        return f"Fresh({self._given!r})"

    def describe(self) -> str:
        """A phrase."""
        return f"a user who proved who they are at most {self.seconds:g} seconds ago"


class Assurance(Policy):
    """A user who proved who they are well enough: by one of the ways that ASSURANCE declares for the level.

    Args:
        level: its name there.

    Raises:
        ConfigurationError: it names none; when it is asked, that ASSURANCE has no such level.
    """

    __slots__ = ("level",)

    def __init__(self, level: str) -> None:
        (self.level,) = names_of("Assurance", (level,), 'Assurance("mfa")')
        user = Kind.USER

        def test(principal: Principal) -> bool:
            known = level_named(
                level
            )  # before anything else: a negation must not turn a slip of the pen into a yes
            credential = principal.credential
            if credential is None or principal.kind is not user or credential.scheme in _MACHINES:
                return False
            return known.reached(credential.amr, credential.acr)

        self._about_caller(test)

    def _conceivable(self) -> Bits:
        return TRUE | FALSE

    def __repr__(self) -> str:
        return f"Assurance({self.level!r})"

    def describe(self) -> str:
        """A phrase."""
        return f"a user who proved who they are to the level {self.level}"


def level_named(name: str) -> Level:
    """A level of ASSURANCE.

    Raises:
        ConfigurationError: there is none of this name.
    """
    known = load(AssuranceSettings).levels
    try:
        return known[name]
    except KeyError:
        raise ConfigurationError(
            "stockade.E053",
            f"Assurance({name!r}) asks for a level that ASSURANCE does not have.",
            f"Declare it there, or write one of {', '.join(sorted(known))}.",
        ) from None


def levels_of(rule: Policy) -> tuple[str, ...]:
    """The levels that a rule asks for; for checks at the start."""
    return tuple(leaf.level for leaf in rule.leaves() if isinstance(leaf, Assurance))


def asks_for_proof(rule: Policy) -> bool:
    """Whether a rule looks at how or when a user proved who they are."""
    return any(isinstance(leaf, Fresh | Assurance) for leaf in rule.leaves())


@lru_cache(maxsize=1024)
def relieved(rule: Policy) -> Policy:
    """The rule for a caller who has just proven everything: what it still refuses, no login would open."""
    if isinstance(rule, Fresh | Assurance):
        return Everyone()
    if isinstance(rule, Composed):
        return type(rule)(*(relieved(part) for part in rule.parts))
    if isinstance(rule, Not | Conceivable):
        return type(rule)(relieved(rule.part))
    return rule


def step_up(rule: Policy, principal: Principal, obj: Any = None) -> StepUpRequired | None:
    """What to ask of this caller, if another login is all that is missing; else None.

    Args:
        rule: which has refused.
        obj: what it was asked about, if anything.
    """
    credential = principal.credential
    if credential is None or principal.kind is not Kind.USER or credential.scheme in _MACHINES:
        return None  # nobody is there who could log in again
    if not asks_for_proof(rule) or not could(relieved(rule), principal, obj):
        return None
    lacking = _lacking(rule, principal, obj)
    if not lacking:
        return None
    ages = [int(leaf.seconds) for leaf in lacking if isinstance(leaf, Fresh)]
    contexts = [
        one for leaf in lacking if isinstance(leaf, Assurance) for one in level_named(leaf.level).contexts
    ]
    return StepUpRequired(min(ages) if ages else None, tuple(dict.fromkeys(contexts)))


def could(rule: Policy, principal: Principal, obj: Any) -> bool:
    """Whether the caller may be admitted, as far as is known without asking the database about the object."""
    return bool(_bits(rule, principal, obj) & TRUE)


def _bits(rule: Policy, principal: Principal, obj: Any) -> Bits:
    return rule.possible(principal) if obj is None else rule.bits(principal, obj)


def _lacking(rule: Policy, principal: Principal, obj: Any) -> list[Fresh | Assurance]:
    """What a rule wants of the login that it does not have; empty where that is not what is missing."""
    if _bits(rule, principal, obj) == TRUE:
        return []
    if isinstance(rule, Fresh | Assurance):
        return [rule]
    if isinstance(rule, Conceivable):
        return _lacking(rule.part, principal, obj)
    if isinstance(rule, Not):
        return _lacking(_inward(rule.part), principal, obj)
    if isinstance(rule, All):
        return [leaf for part in rule.parts for leaf in _lacking(part, principal, obj)]
    if isinstance(rule, AnyOf):
        # One way in is enough: the first that a login opens. One that lacks nothing is none: it has refused already.
        for part in rule.parts:
            found = _lacking(part, principal, obj) if could(relieved(part), principal, obj) else []
            if found:
                return found
    return []


def _inward(denied: Policy) -> Policy:
    """The negation of a rule, with the negation at its parts (De Morgan); of a leaf nothing, for no login opens it."""
    if isinstance(denied, Not):
        return denied.part
    if isinstance(denied, Composed):
        other = AnyOf if isinstance(denied, All) else All
        return other(*(Not(part) for part in denied.parts))
    return Nobody()
