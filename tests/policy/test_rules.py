"""Who gets in by which rule, and what an attacker or a slip of the pen does not get."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission as Row
from django.db.models import Q

from stockade.core.credential import Credential
from stockade.core.errors import ConfigurationError, Forbidden, InsufficientScope, Unauthenticated
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.policy import (
    Authenticated,
    Granted,
    Nobody,
    Owner,
    Permission,
    Person,
    Policy,
    Public,
    Role,
    Rule,
    Scheme,
    Scope,
    Staff,
    as_policy,
    missing_scopes,
)
from tests.policy.world import user_principal
from tests.policy_app.models import Badge, Cell, Doc, Note

VISIBLE = (Public(where=Q(published=True)) | Owner("author") | Role("Admins")) & Scope("docs:read")
UPDATE = (Role("Editors") & Owner("author") | Role("Admins")) & Scope("docs:write")


@pytest.fixture
def ann(db: None) -> Any:
    return get_user_model().objects.create(username="ann")


@pytest.fixture
def bob(db: None) -> Any:
    return get_user_model().objects.create(username="bob")


def doc(keeper: Any, **values: Any) -> Doc:
    made: Doc = Doc.every.create(keeper=keeper, **values)
    return made


def titles(policy: Policy, principal: Principal) -> set[str | None]:
    return set(Doc.every.filter(policy.filter(principal)).values_list("title", flat=True))


# --- callers ---


def test_the_articles_of_the_contract_are_seen_and_changed_by_whom_it_says(ann: Any, bob: Any) -> None:
    for title, author, published in [("open", bob, True), ("ann's", ann, False), ("bob's", bob, False)]:
        doc(ann, title=title, author=author, published=published)
    editor, admin = user_principal(ann, roles=["Editors"]), user_principal(bob, roles=["Admins"])
    assert titles(VISIBLE, ANONYMOUS) == {"open"}
    assert titles(VISIBLE, editor) == {"open", "ann's"}
    assert titles(VISIBLE, admin) == {"open", "ann's", "bob's"}
    assert titles(UPDATE, editor) == {"ann's"}
    assert titles(UPDATE, user_principal(ann)) == titles(UPDATE, ANONYMOUS) == set()
    assert titles(UPDATE, admin) == {"open", "ann's", "bob's"}


def test_a_stolen_read_token_writes_nothing_and_a_write_token_reads_nothing(ann: Any) -> None:
    mine = doc(ann, author=ann)
    reading = user_principal(ann, roles=["Editors"], scopes=["docs:read"])
    writing = user_principal(ann, roles=["Editors"], scopes=["docs:write"])
    assert (VISIBLE.check(reading, mine), UPDATE.check(reading, mine)) == (True, False)
    assert (VISIBLE.check(writing, mine), UPDATE.check(writing, mine)) == (False, True)
    assert UPDATE.admits(reading) is False
    bounded_to_nothing = user_principal(ann, roles=["Editors", "Admins"], scopes=[])
    assert VISIBLE.admits(bounded_to_nothing) is UPDATE.admits(bounded_to_nothing) is False


def test_every_named_scope_is_needed_and_any_named_role_is_enough(ann: Any) -> None:
    one, both = (
        user_principal(ann, scopes=["a"], roles=["A"]),
        user_principal(ann, scopes=["a", "b"], roles=["C"]),
    )
    assert (Scope("a", "b").check(one), Scope("a", "b").check(both), Scope("a", "b").check(ANONYMOUS)) == (
        False,
        True,
        True,
    )
    assert (Role("A", "B").check(one), Role("A", "B").check(both)) == (True, False)


def test_a_superuser_is_in_no_role_that_it_was_not_given(ann: Any) -> None:
    assert not Role("Admins").check(user_principal(ann, superuser=True))


def test_a_device_or_a_service_with_the_key_of_a_user_owns_nothing_of_it(ann: Any) -> None:
    mine = doc(ann, author=ann, owner_text=str(ann.pk))
    device = Badge.objects.create(pk=ann.pk, code="x")
    for path in ("author", "owner_text"):
        for stranger in (
            Principal(Kind.USER, str(ann.pk), device),
            Principal(Kind.SERVICE, str(ann.pk), ann),
            Principal(Kind.USER, "", AnonymousUser()),
            ANONYMOUS,
        ):
            assert not Owner(path).check(stranger, mine)
            assert not Doc.every.filter(Owner(path).filter(stranger)).exists()


def test_an_object_without_an_owner_belongs_to_nobody_not_even_to_nobody(ann: Any) -> None:
    orphan = doc(ann)
    for principal in (ANONYMOUS, user_principal(ann)):
        for policy in (Owner("author"), ~Owner("author"), Owner("project__owner"), ~Owner("project__owner")):
            assert not policy.check(principal, orphan)
            assert not Doc.every.filter(policy.filter(principal)).exists()
    assert (~Owner("editors")).check(ANONYMOUS, orphan)  # nobody among no rows: that is known


def test_a_null_is_not_admitted_by_a_condition_nor_by_its_negation(ann: Any) -> None:
    unknown = doc(ann)
    for where in (Q(published=True), ~Q(published=True), Q(rank__gt=1), ~Q(rank__gt=1), Q(rank__in=[])):
        for policy in (Public(where=where), ~Public(where=where)):
            assert not policy.check(ANONYMOUS, unknown)
            assert not Doc.every.filter(policy.filter(ANONYMOUS)).exists()
    assert Public(where=~Q(published=True) | Q(published__isnull=True)).check(ANONYMOUS, unknown)


def test_conditions_that_stand_together_are_about_the_same_related_row(ann: Any, bob: Any) -> None:
    mixed = doc(ann)
    Note.objects.create(doc=mixed, by=ann, stars=1)
    Note.objects.create(doc=mixed, by=bob, stars=5)
    same_row, other_row = (
        Public(where=Q(notes__by=bob, notes__stars=5)),
        Public(where=Q(notes__by=ann, notes__stars=5)),
    )
    assert (same_row.check(ANONYMOUS, mixed), other_row.check(ANONYMOUS, mixed)) == (True, False)
    assert not Public(where=Q(notes__by=ann) & (Q(notes__stars=5) | Q(notes__stars=4))).check(
        ANONYMOUS, mixed
    )
    assert Public(where=Q(notes__by=ann) & ~Q(notes__stars=4)).check(ANONYMOUS, mixed)
    assert not Public(where=Q(notes__by=ann, notes__stars=1) & ~Q(notes__stars=5)).check(ANONYMOUS, mixed)
    apart = Public(where=Q(notes__by=ann)) & Public(where=Q(notes__stars=5))
    assert apart.check(ANONYMOUS, mixed)


def test_text_is_compared_exactly(ann: Any) -> None:
    shouted = doc(ann, title="Draft")
    for title in ("draft", "Draft ", "Dräft"):
        assert not Public(where=Q(title=title)).check(ANONYMOUS, shouted)
        assert not Doc.every.filter(Public(where=Q(title=title)).filter(ANONYMOUS)).exists()


# --- Django's permissions ---


def test_a_model_permission_is_asked_of_django_and_costs_nothing_the_second_time(
    ann: Any, django_assert_num_queries: Any
) -> None:
    policy, principal = Permission("policy_app.change_doc"), user_principal(ann)
    assert not policy.check(principal)
    ann.user_permissions.add(Row.objects.get(codename="change_doc"))
    principal = user_principal(get_user_model().objects.get(pk=ann.pk))
    assert policy.check(principal)
    with django_assert_num_queries(0):
        assert policy.check(principal)
        assert policy.admits(principal) is True
    assert not Permission("policy_app.change_doc", "policy_app.delete_doc").check(principal)
    assert Permission("policy_app.delete_doc").check(user_principal(ann, superuser=True))
    assert not policy.check(ANONYMOUS)
    assert not policy.check(Principal(Kind.SERVICE, "s", ann))
    assert not policy.check(Principal(Kind.USER, str(ann.pk)))
    ann.is_active = False
    assert not Permission("policy_app.change_doc").check(user_principal(ann))


# --- persons ---


def test_a_client_or_a_key_without_a_user_does_not_pass_for_a_person(ann: Any) -> None:
    client = Principal(Kind.SERVICE, "OAuth2Authentication:lab", scopes=frozenset({"read"}))
    assert Authenticated().check(client)
    assert not Person().check(client)
    assert not Person().check(Principal(Kind.SERVICE, "JWTStatelessUserAuthentication:1", ann))
    assert not Person().check(ANONYMOUS)
    assert Person().check(user_principal(ann))
    assert type(Person().refusal(client)) is Forbidden
    assert type(Person().refusal(ANONYMOUS)) is Unauthenticated


# --- kinds of credentials ---


def _by(scheme: str, kind: Kind = Kind.USER) -> Principal:
    return Principal(kind, "7", credential=Credential(scheme, "id", "7"))


def test_a_token_that_leaked_does_not_do_what_only_a_session_may() -> None:
    rule = Authenticated() & Scheme("session")
    assert rule.check(_by("session"))
    assert not rule.check(_by("token"))
    assert not rule.check(_by("session-of-another-kind"))
    assert type(rule.refusal(_by("token"))) is Forbidden
    assert type(rule.refusal(ANONYMOUS)) is Unauthenticated


def test_who_shows_no_credential_has_none_of_any_kind(ann: Any) -> None:
    for caller in (ANONYMOUS, Principal(Kind.USER, "7", ann), Principal(Kind.SERVICE, "backup")):
        assert not Scheme("session", "jwt").check(caller)


def test_one_of_several_kinds_is_enough() -> None:
    rule = Scheme("jwt", "token")
    assert [rule.check(_by(name)) for name in ("jwt", "token", "session", "JWT")] == [
        True,
        True,
        False,
        False,
    ]
    assert rule.check(_by("jwt", Kind.SERVICE))


def test_a_kind_of_credential_is_the_same_for_every_object_and_asks_nothing(ann: Any) -> None:
    rule = Scheme("jwt")
    assert (rule.about_objects, rule.may_query) == (False, False)
    Doc.every.create(author=ann, keeper=ann)
    assert Doc.every.filter(rule.filter(_by("jwt"))).count() == 1
    assert Doc.every.filter(rule.filter(_by("token"))).count() == 0
    assert Doc.every.filter((Owner("author") & ~rule).filter(_by("jwt"))).count() == 0


@pytest.mark.parametrize("names", [(), ("",), (" jwt",), (7,)])
def test_a_scheme_without_a_name_is_none(names: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"stockade\.E040.*Scheme"):
        Scheme(*names)


# --- staff ---


def test_staff_are_those_whose_row_says_so_at_the_moment(ann: Any) -> None:
    policy = Staff()
    assert not policy.check(user_principal(ann))
    assert not policy.check(user_principal(ann, superuser=True))
    type(ann).objects.filter(pk=ann.pk).update(is_staff=True)
    unread = type(ann).objects.only("pk").get(pk=ann.pk)  # as a request has it
    principal = user_principal(unread)
    assert policy.may_query
    assert policy.check(principal)
    type(ann).objects.filter(pk=ann.pk).update(is_staff=False)
    assert not policy.check(user_principal(type(ann).objects.only("pk").get(pk=ann.pk)))


def test_nobody_is_staff_but_a_row_of_the_user_model(ann: Any) -> None:
    class Stateless:
        pk, is_staff, is_authenticated = ann.pk, True, True

    ann.is_staff = True
    assert Staff().check(user_principal(ann))
    assert not Staff().check(ANONYMOUS)
    assert not Staff().check(Principal(Kind.SERVICE, "s", ann))
    assert not Staff().check(Principal(Kind.USER, str(ann.pk)))
    assert not Staff().check(Principal(Kind.USER, str(ann.pk), Stateless()))
    assert not Staff().check(Principal(Kind.USER, "1", Doc(pk=ann.pk)))


# --- rules of one's own ---


class Lazy:
    """A rule whose answers are whatever a test wants."""

    def __init__(self, answer: Any, rows: Any = None) -> None:
        self.answer, self.rows = answer, rows

    def check(self, principal: Principal, obj: Any) -> Any:
        return self.answer

    def filter(self, principal: Principal) -> Any:
        return self.rows


async def later() -> bool:
    return False


@pytest.mark.parametrize("answer", [None, 1, "no", [], Doc])
def test_an_answer_that_merely_looks_true_admits_nobody(answer: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"E049.*True or False"):
        as_policy(Lazy(answer)).check(ANONYMOUS, object())


def test_a_check_that_nobody_awaited_admits_nobody() -> None:
    coroutine = later()
    with pytest.raises(ConfigurationError, match="E049"):
        as_policy(Lazy(coroutine)).check(ANONYMOUS, object())
    coroutine.close()


def test_a_filter_that_is_no_q_is_refused(db: None) -> None:
    with pytest.raises(ConfigurationError, match=r"E049.*Return a Q"):
        list(Doc.every.filter(as_policy(Lazy(True, {"published": True})).filter(ANONYMOUS)))


def test_a_rule_of_ones_own_composes_from_either_side(ann: Any) -> None:
    kept = doc(ann, rank=3)
    rule: Rule = Lazy(True, Q(rank=3))
    for policy in (Authenticated() & rule, rule & Authenticated(), ~(~as_policy(rule)) & Authenticated()):
        assert isinstance(policy, Policy)
        assert policy.check(user_principal(ann), kept)
        assert Doc.every.filter(policy.filter(user_principal(ann))).count() == 1
        assert not Doc.every.filter(policy.filter(ANONYMOUS)).exists()
    for policy in (Nobody() | rule, rule | Nobody()):
        assert policy.check(ANONYMOUS, kept)
    assert as_policy(Lazy(True, Q())).filter(ANONYMOUS) is not None
    assert Doc.every.filter(as_policy(Lazy(True, Q())).filter(ANONYMOUS)).count() == 1
    assert Doc.every.filter(as_policy(Lazy(False, ~Q())).filter(ANONYMOUS)).count() == 0


# --- slips of the pen ---


def test_the_words_and_or_not_are_refused_because_python_would_drop_half_of_the_rule() -> None:
    for slip in (lambda: Role("A") and Scope("b"), lambda: Role("A") or Scope("b"), lambda: not Role("A")):
        with pytest.raises(TypeError, match=r"Write `&`, `\|` and `~`"):
            slip()


@pytest.mark.parametrize(
    ("slip", "advice"),
    [
        (Role, r'Write Role\("Editors"\)'),
        (lambda: Role(["Editors"]), r'Write Role\("Editors"\)'),
        (lambda: Scope(" a "), "does not name"),
        (lambda: Owner(Doc.author), r'Write Owner\("author"\)'),
        (lambda: Owner("author__"), "names no relation"),
        (lambda: Permission("change_doc"), "app.change_article"),
        (lambda: Permission("a.b.c"), "app.change_article"),
        (lambda: Granted(None), "app.change_article"),
        (lambda: Public(where={"published": True}), r"Write Public\(where=Q\(published=True\)\)"),
        (lambda: Public(where=Q()), "has no condition"),
        (lambda: Role("A") & Authenticated, r"Write Authenticated\(...\)"),
        (lambda: Role("A") | Q(published=True), r"Write Public\(where=Q"),
        (lambda: Role("A") & None, "is no policy"),
        (lambda: "A" | Role("A"), "is no policy"),
    ],
)
def test_a_slip_is_answered_with_what_to_write(slip: Any, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        slip()


@pytest.mark.parametrize(
    ("policy", "model", "advice"),
    [
        (Owner("autor"), Doc, r"E044.*Did you mean 'author'"),
        (
            Owner("project"),
            Doc,
            r"E045.*leads to Project, not to the user model.*Write Owner\('project__owner'\)",
        ),
        (Owner("project__ownr"), Doc, r"E044.*Project has no field 'ownr'.*Did you mean 'owner'"),
        (Owner("title__x"), Doc, "E044"),
        (Owner("extra"), Doc, r"E045.*cannot hold the key"),
        (Public(where=Q(publishd=True)), Doc, r"E044.*Did you mean 'published'"),
        (Public(where=Q(project__opn=True)), Doc, r"E044.*Project has no field 'opn'.*Did you mean 'open'"),
        (Public(where=Q(rank="many")), Doc, "E046"),
        (Public(where=Q(rank__gt=None)), Doc, "E046"),
        (~(Role("A") & Public(where=~Q(rank__almost=3))), Doc, "E046"),
        (Public(where=Q(Q(notes__stars=1) & Q(notes__strs=1))), Doc, r"E044.*Note has no field 'strs'"),
        (Granted("policy_app.change_doc"), Badge, r"E048.*policy_app.change_badge"),
        (Granted("policy_app.change_badge"), Badge, None),
        (Granted("auth.change_user"), Doc, r"E048.*policy_app.change_doc"),
    ],
)
@pytest.mark.django_db
def test_a_wrong_path_stops_the_start_and_says_what_was_meant(
    policy: Policy, model: Any, advice: str | None
) -> None:
    if advice is None:
        policy.validate(model)
        return
    with pytest.raises(ConfigurationError, match=advice):
        policy.validate(model)


def test_a_wrong_path_never_admits_while_nobody_looked_at_the_checks(ann: Any) -> None:
    with pytest.raises(ConfigurationError, match="E044"):
        Owner("autor").check(user_principal(ann), doc(ann))
    with pytest.raises(ConfigurationError, match="E044"):
        Doc.every.filter(Owner("autor").filter(user_principal(ann)))


def test_what_is_no_model_is_not_asked_about(ann: Any) -> None:
    for policy in (Owner("author"), Public(where=Q(published=True)), Granted("a.b")):
        with pytest.raises(ConfigurationError, match="E050"):
            policy.check(user_principal(ann), {"author": ann})


# --- what it says of itself ---


@pytest.mark.parametrize(
    "policy",
    [
        VISIBLE,
        UPDATE,
        ~(Authenticated() | Nobody()) & ~Role("A", "B"),
        Public(where=Q(a=1, b="x") | ~Q(c=None) & Q(d__in=[1, 2])),
        Public(where=~(Q(a=1) | Q(b=2)) ^ Q(c=3)),
        Permission("a.b") | Granted("a.c"),
        Staff() & ~Role("A"),
        Person() | Role("A"),
        Scheme("jwt", "session") & Person(),
    ],
)
def test_a_policy_reads_like_the_code_that_made_it(policy: Policy) -> None:
    again = eval(repr(policy))
    assert repr(again) == repr(policy)
    assert policy.describe()
    assert "object at 0x" not in repr(policy) + policy.describe()


def test_the_scopes_of_a_policy_are_listed_for_the_documentation() -> None:
    assert (VISIBLE | UPDATE).scopes == ("docs:read", "docs:write")
    assert UPDATE.describe() == (
        "((a member of Editors and the object's author) or a member of Admins)"
        " and a credential with docs:write if it has scopes"
    )


@pytest.mark.django_db
def test_a_refusal_says_401_to_whom_a_login_could_help_and_names_the_scope_that_is_missing(ann: Any) -> None:
    reader = user_principal(ann, roles=["Editors"], scopes=["docs:read"])
    assert isinstance(UPDATE.refusal(ANONYMOUS), Unauthenticated)
    assert type(Nobody().refusal(ANONYMOUS)) is Forbidden
    assert type((~Authenticated()).refusal(user_principal(ann))) is Forbidden
    refused = UPDATE.refusal(reader)
    assert isinstance(refused, InsufficientScope)
    assert refused.detail == "The credential needs the scope docs:write."
    assert type(UPDATE.refusal(user_principal(ann, scopes=["docs:read"]))) is Forbidden  # no scope would help
    assert type(UPDATE.refusal(user_principal(ann))) is Forbidden
    two_ways = Role("Admins") & Scope("x") | Role("Editors") & Scope("y", "docs:read")
    assert missing_scopes(two_ways, reader) == ("y",)
    assert missing_scopes(UPDATE, reader, doc(ann, author=None)) == ()
    assert missing_scopes(UPDATE, reader, doc(ann, author=ann)) == ("docs:write",)


@pytest.mark.django_db
def test_an_owner_is_told_apart_under_a_composite_key(ann: Any, bob: Any) -> None:
    for row, owner in enumerate([ann, bob, None]):
        Cell.objects.create(row=row, column=1, owner=owner)
    mine = Owner("owner") & (Public() | Nobody())
    found = Cell.objects.filter(mine.filter(user_principal(ann)))
    assert [cell.row for cell in found] == [0]
    assert [cell.row for cell in Cell.objects.all() if mine.check(user_principal(ann), cell)] == [0]
    assert Cell.objects.filter(Public().filter(ANONYMOUS)).count() == 3
    assert Cell.objects.filter(Nobody().filter(ANONYMOUS)).count() == 0
    named = Public(where=Q(owner__username="bob"))
    assert [cell.row for cell in Cell.objects.filter(named.filter(ANONYMOUS))] == [1]
    assert [cell.row for cell in Cell.objects.all() if named.check(ANONYMOUS, cell)] == [1]
