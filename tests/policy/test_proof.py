"""Who is fresh and who is assured, and what an old, a weak, a borrowed or an invented login does not get."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from stockade import conf
from stockade.core import clock
from stockade.core.credential import Credential
from stockade.core.errors import (
    ConfigurationError,
    Forbidden,
    InsufficientScope,
    Refusal,
    StepUpRequired,
    Unauthenticated,
)
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.policy import Assurance, Fresh, Owner, Policy, Public, Role, Scope
from stockade.policy.conf import AssuranceSettings, levels
from tests.policy import world
from tests.policy_app.models import Doc

NOW = 1_800_000_000.0
MINUTES = 60.0


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands, so that the bound itself can be asked about."""
    monkeypatch.setattr(clock, "_wall", lambda: NOW)


@pytest.fixture
def assurance(settings: Any) -> Iterator[Any]:
    """Set ASSURANCE."""

    def change(**given: Any) -> None:
        settings.STOCKADE = {"ASSURANCE": given}
        conf.forget()

    yield change
    conf.forget()


def caller(
    age: float | None = 0.0,
    *amr: str,
    acr: str = "",
    scheme: str = "jwt",
    roles: Any = (),
    scopes: Any = None,
) -> Principal:
    """A user who logged in so many seconds ago; None for nobody knows when."""
    bound = None if scopes is None else frozenset(scopes)
    credential = Credential(
        scheme,
        "test",
        "7",
        scopes=bound,
        auth_time=0.0 if age is None else NOW - age,
        amr=frozenset(amr),
        acr=acr,
    )
    return Principal(Kind.USER, "7", None, frozenset(roles), bound, credential)


def refused(rule: Policy, principal: Principal, obj: Any = None) -> Refusal:
    assert rule.check(principal, obj) is False
    return rule.refusal(principal, obj)


# -- how long ago -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "holds"),
    [
        (0, True),
        (299, True),
        (300, True),  # the bound itself
        (300.001, False),
        (301, False),
        (86400, False),
        (None, False),  # nobody knows when
        (NOW - 1, False),
        (-5, True),  # the clock of the host that issued it is ahead
        (-60, True),
        (-61, False),  # a clock that was set back makes nobody fresh for ever
        (-86400, False),
    ],
)
def test_fresh_holds_up_to_the_second_and_for_no_time_that_cannot_be(age: float | None, holds: bool) -> None:
    assert Fresh("5m").check(caller(age)) is holds
    assert (~Fresh("5m")).check(caller(age)) is not holds


@pytest.mark.parametrize("age", ["5m", 300, 300.0, datetime.timedelta(minutes=5), "300s"])
def test_an_age_is_written_as_other_times_are(age: Any) -> None:
    rule = Fresh(age)
    assert rule.check(caller(300))
    assert not rule.check(caller(301))
    assert repr(rule) == f"Fresh({age!r})"


@pytest.mark.parametrize("age", ["", "soon", 0, -1, "0.5s", None, True, "5 lightyears", [], "11 years"])
def test_what_is_no_age_stops_the_start(age: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Fresh(age)
    assert caught.value.id == "stockade.E040"
    assert "Write" in str(caught.value) or "must be" in str(caught.value)


def test_keys_services_and_strangers_are_never_fresh_whatever_their_credential_says() -> None:
    """A foreign authenticator, a service's token and a key may say any time: nobody is there who could log in again."""
    user = caller(0, "mfa", acr="mfa")
    assert user.credential is not None
    for other in (
        replace(user, kind=Kind.SERVICE),
        replace(user, credential=replace(user.credential, scheme="api_key")),
        replace(user, credential=replace(user.credential, scheme="mtls")),
        replace(user, credential=None),
        ANONYMOUS,
    ):
        for rule in (Fresh("5m"), Assurance("mfa")):
            assert rule.check(user)
            assert not rule.check(other)
            assert not isinstance(rule.refusal(other), StepUpRequired)


# -- how well ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amr", "mfa", "resistant"),
    [
        ([], False, False),
        (["pwd"], False, False),
        (["otp"], False, False),  # a second factor without a first
        (["pwd", "sms"], False, False),
        (["pwd", "recovery"], False, False),
        (["pwd", "user", "pin"], False, False),
        (["pwd", "otp"], True, False),
        (["pwd", "otp", "mfa"], True, False),
        (["mfa"], True, False),
        (["pwd", "hwk"], True, True),
        (["hwk", "user"], False, True),
        (["swk", "mfa"], True, True),
        (["MFA"], False, False),
    ],
)
def test_the_levels_that_are_there_by_default(amr: list[str], mfa: bool, resistant: bool) -> None:
    assert Assurance("mfa").check(caller(0, *amr)) is mfa
    assert Assurance("phishing_resistant").check(caller(0, *amr)) is resistant


def test_a_context_reaches_the_level_that_names_it_and_no_other(assurance: Any) -> None:
    assurance(gold={"acr": ["urn:example:gold", "3"]}, mfa={"amr": ["mfa"]})
    for acr, gold, mfa in [
        ("urn:example:gold", True, False), ("3", True, False), ("gold", True, False), ("mfa", False, True),
        ("urn:example:silver", False, False), ("", False, False), ("2", False, False), ("Gold", False, False),
    ]:  # fmt: skip
        assert Assurance("gold").check(caller(0, "pwd", acr=acr)) is gold
        assert Assurance("mfa").check(caller(0, "pwd", acr=acr)) is mfa


def test_levels_change_with_the_setting_and_a_level_can_be_taken_away(assurance: Any) -> None:
    rule = Assurance("mfa")
    recovered = caller(0, "pwd", "recovery")
    assert not rule.check(recovered)
    assurance(mfa={"amr": ["mfa", "pwd recovery"]})
    assert rule.check(recovered)
    assert not rule.check(caller(0, "pwd", "otp"))  # the ways of the default are not added to
    assurance(mfa=None)
    with pytest.raises(ConfigurationError) as caught:
        rule.check(recovered)
    assert caught.value.id == "stockade.E053"


def test_the_negation_of_an_unknown_level_admits_nobody() -> None:
    """A slip of the pen must not be a yes."""
    for rule in (Assurance("mfaa"), ~Assurance("mfaa")):
        for principal in (caller(0, "mfa"), ANONYMOUS):
            with pytest.raises(ConfigurationError):
                rule.check(principal)


@pytest.mark.parametrize("level", ["", " mfa", None, 2, ["mfa"], b"mfa"])
def test_what_names_no_level_stops_the_start(level: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Assurance(level)
    assert caught.value.id == "stockade.E040"


@pytest.mark.parametrize(
    "wrong",
    [
        "mfa",
        ["mfa"],
        {"mfa": ["otp"]},
        {"mfa": {}},
        {"mfa": {"amr": []}},
        {"mfa": {"amr": [""]}},
        {"mfa": {"amr": ["   "]}},
        {"mfa": {"amr": "mfa"}},
        {"mfa": {"amr": [["pwd", "otp"]]}},
        {"mfa": {"acr": "gold"}},
        {"mfa": {"acr": ["two words"]}},
        {"mfa": {"arm": ["mfa"]}},
        {"two words": {"amr": ["mfa"]}},
        {"mfa": {"amr": ["p\u00e4ss"]}},
    ],
    ids=repr,
)
def test_a_wrong_assurance_is_refused_with_what_to_write(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        conf.build(AssuranceSettings, {"ASSURANCE": wrong})
    assert caught.value.id == "stockade.E052"
    assert "ASSURANCE" in str(caught.value)
    with pytest.raises(ValueError, match=r"Write|write|Nothing|names no|at most"):
        levels(wrong)


# -- what a refused caller is told ------------------------------------------------------------------------------------


def test_what_is_missing_is_asked_for() -> None:
    old, weak = caller(3600, "pwd", "otp"), caller(0, "pwd")
    found = refused(Fresh("5m"), old)
    assert isinstance(found, StepUpRequired)
    assert (found.status, found.code) == (401, "insufficient_user_authentication")
    assert found.asked == {"max_age": 300}
    found = refused(Assurance("phishing_resistant"), weak)
    assert isinstance(found, StepUpRequired)
    assert found.asked == {"acr_values": "phishing_resistant phr phrh"}
    both = refused(Fresh("5m") & Assurance("mfa") & Fresh("1h"), caller(7200, "pwd"))
    assert isinstance(both, StepUpRequired)
    assert both.asked == {"acr_values": "mfa", "max_age": 300}
    only_one = refused(Fresh("5m") & Assurance("mfa"), old)
    assert isinstance(only_one, StepUpRequired)
    assert only_one.asked == {"max_age": 300}


def test_whom_no_login_would_let_in_is_asked_for_none() -> None:
    """Else every stranger is told to log in again, and learns that his role is not what is missing."""
    old = caller(3600, "pwd")
    for rule in (
        Role("Admins") & Fresh("5m"),
        Role("Admins") & Assurance("mfa") | Role("Owners") & Fresh("5m"),
        ~Fresh("5m") & Assurance("mfa") & Role("Admins"),
    ):
        assert type(refused(rule, old)) is Forbidden
    fresh = caller(0, "pwd")
    assert type(refused(~Fresh("5m"), fresh)) is Forbidden


def test_of_several_ways_in_the_one_that_a_login_opens_is_asked_for() -> None:
    rule = Role("Admins") & Assurance("phishing_resistant") | Role("Editors") & Fresh("1h")
    found = refused(rule, caller(7200, "pwd", roles=["Editors"]))
    assert isinstance(found, StepUpRequired)
    assert found.asked == {"max_age": 3600}


def test_who_is_nobody_is_asked_to_log_in_at_all() -> None:
    assert type(refused(Fresh("5m"), ANONYMOUS)) is Unauthenticated
    assert type(refused(Assurance("mfa") & Role("Editors"), ANONYMOUS)) is Unauthenticated


def test_scopes_that_are_missing_as_well_are_named_first() -> None:
    """A login gives no credential scopes that it lacks."""
    rule = Scope("keys:write") & Fresh("5m")
    found = refused(rule, caller(3600, "pwd", scopes=["keys:read"]))
    assert isinstance(found, InsufficientScope)
    assert found.scope == "keys:write"
    assert isinstance(refused(rule, caller(3600, "pwd", scopes=["keys:write"])), StepUpRequired)
    assert isinstance(refused(rule, caller(0, "pwd", scopes=["keys:read"])), InsufficientScope)
    assert type(refused(Role("Admins") & rule, caller(3600, "pwd", scopes=["keys:read"]))) is Forbidden


@pytest.mark.django_db
def test_about_an_object_only_who_may_is_asked_to_log_in_again() -> None:
    ann, bob = (get_user_model().objects.create(username=name) for name in ("ann", "bob"))
    rule = Owner("author") & Fresh("5m")
    mine, theirs = (Doc.every.create(keeper=ann, author=author) for author in (ann, bob))

    def as_ann(age: float) -> Principal:
        return replace(caller(age, "pwd"), subject=str(ann.pk), user=ann)

    old, fresh = as_ann(3600), as_ann(0)
    assert isinstance(refused(rule, old, mine), StepUpRequired)
    assert type(refused(rule, old, theirs)) is Forbidden
    assert rule.check(fresh, mine)
    assert set(Doc.every.filter(rule.filter(fresh))) == {mine}
    assert not Doc.every.filter(rule.filter(old)).exists()
    assert set(Doc.every.filter((~rule).filter(old))) == {mine, theirs}
    assert isinstance(rule.refusal(old), StepUpRequired)  # before any object is known: there may be one


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(2))
def test_of_random_policies_a_login_is_asked_for_exactly_where_it_would_open(
    seed: int,
) -> None:
    """Asked for in vain it tells that something is there; not asked for, nobody knows how to get in."""
    chance = random.Random(seed)
    users = world.populate(chance)
    docs = list(Doc.every.all()[:4])
    asked = 0
    for _ in range(60):
        rule = world.policy(chance, users)
        for old in (world.user_principal(user, roles=["Editors"]) for user in users):
            assert old.credential is not None
            credential = replace(old.credential, auth_time=NOW, amr=frozenset({"pwd", "mfa", "hwk"}))
            stepped = replace(old, credential=credential)
            for obj in docs:
                if rule.check(old, obj):
                    continue
                sure, refusal = rule.foresee(stepped, obj), rule.refusal(old, obj)
                if isinstance(refusal, StepUpRequired):
                    asked += 1
                    assert refusal.asked
                    assert sure is not False, rule
                else:
                    assert sure is not True, rule
    assert asked


def test_they_compose_describe_themselves_and_ask_no_database() -> None:
    rule = (Public() & ~Assurance("mfa")) | Fresh("5m")
    assert repr(rule) == "Public() & ~Assurance('mfa') | Fresh('5m')"
    assert not rule.may_query
    assert not rule.about_objects
    assert rule.check(caller(3600, "pwd"))
    assert not rule.check(caller(3600, "mfa"))
    assert "300 seconds" in Fresh("5m").describe()
    assert "mfa" in Assurance("mfa").describe()
