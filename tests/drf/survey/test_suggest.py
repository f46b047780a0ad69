"""What the survey says to write: Python that our own table takes, and the rule that the classes amount to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.permissions import (
    AllowAny,
    BasePermission,
    DjangoModelPermissions,
    DjangoModelPermissionsOrAnonReadOnly,
    DjangoObjectPermissions,
    IsAdminUser,
    IsAuthenticated,
    IsAuthenticatedOrReadOnly,
)
from rest_framework.request import Request
from rest_framework.response import Response

from stockade.core.credential import Credential
from stockade.core.principal import ANONYMOUS, Kind, Principal
from stockade.drf.survey import KINDS, Fact, survey
from stockade.drf.survey.expressions import EVERYONE, NOBODY, SIGNED_IN, both, either, negated, rule
from stockade.policy import Authenticated, Owner, Person, PolicyTable, Public, Role, Scope, as_policy
from tests.drf.survey import test_access, test_credentials, test_data, test_lists, test_objects
from tests.drf.survey.asking import at, facts, listed, project, routed
from tests.drf.survey.common import Docs, IsEditor, IsMemberOfTheUrl, IsOwner, IsOwnerOrReadOnly, Rest
from tests.policy_app.models import Doc, Org

ACTIONS = (
    "list",
    "create",
    "retrieve",
    "update",
    "partial_update",
    "destroy",
    "subscribe",
    "share",
    "archive",
)
GROUP = "Auditors"


class IsAuthor(BasePermission):
    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return bool(request.user == obj.author)


class InTheProject(BasePermission):
    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        user = request.user
        return user in obj.project.members.all()


class OwnsTheOrg(BasePermission):
    """The organisation's."""

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return obj.project.org.owner_id == request.user.id


class StaffOrAuthor(BasePermission):
    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        if request.user.is_staff:
            return True
        return obj.author == request.user


class Auditor(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return request.user.groups.filter(name=GROUP).exists()


class MayPublish(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.has_perm("policy_app.change_doc"))


class NobodyDeletes(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method == "DELETE":
            return False
        return bool(request.user and request.user.is_authenticated)


class Published(BasePermission):
    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return bool(obj.published)


class NoSuchField(BasePermission):
    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return bool(obj.nobody == request.user)


class AWeekday(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return len(request.META) > 3


class Weekday:
    about_objects = False

    def check(self, principal: Principal, obj: Any) -> bool:
        return True

    def filter(self, principal: Principal) -> Q:
        return Q()


class ViewsToo(DjangoObjectPermissions):
    perms_map = {**DjangoObjectPermissions.perms_map, "GET": ["%(app_label)s.view_%(model_name)s"]}

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.is_authenticated)


class Labelled(Rest):
    permission_classes = [IsAuthenticated, IsOwner]

    def get(self, request: Request, pk: int) -> Response:
        doc = get_object_or_404(Doc.objects.select_related("author"), pk=pk)
        self.check_object_permissions(request, doc)
        return Response({"label": doc.title})


class OrgByHand(Rest):
    def get(self, request: Request, pk: int) -> Response:
        return Response({"name": Org.objects.get(pk=pk).name})


@login_required
async def org_of_a_page(request: HttpRequest, pk: int) -> JsonResponse:
    return JsonResponse({"name": (await Org.objects.aget(pk=pk)).name})


class FromTheBody(Labelled):
    def post(self, request: Request) -> Response:
        self.check_object_permissions(request, Doc.objects.get(pk=request.data["doc"]))
        return Response({})

    get = None  # type: ignore[assignment]


def policy_of(settings: Any, *classes: Any) -> str:
    """The policy suggested for a viewset with these permission classes, in one line."""
    fact = facts(settings, routed(type("Here", (Docs,), {"permission_classes": classes})))["undeclared"]
    _, _, policy = fact.write.rpartition("policy = ")
    return re.sub(r"\s+", " ", policy).replace("{ ", "{").replace(", }", "}")


MODEL = (
    '{"list, retrieve": %s, "create": Permission("policy_app.add_doc"), '
    '"destroy": Permission("policy_app.delete_doc"), "*": Permission("policy_app.change_doc")}'
)


@pytest.mark.parametrize(
    ("classes", "policy"),
    [
        ((AllowAny,), "Public()"),
        ((), "Public()"),
        ((IsAuthenticated,), "Authenticated()"),
        ((IsAdminUser,), "Staff()"),
        ((IsAuthenticatedOrReadOnly,), '{"list, retrieve": Public(), "*": Authenticated()}'),
        ((IsAuthenticated, IsOwner), '{"create": Authenticated(), "*": Owner("author")}'),
        ((IsAuthenticated & IsOwner,), '{"create": Authenticated(), "*": Owner("author")}'),
        ((IsAuthor,), '{"create": Public(), "*": Owner("author")}'),
        ((IsAuthenticated, InTheProject), '{"create": Authenticated(), "*": Owner("project__members")}'),
        ((IsAuthenticated, OwnsTheOrg), '{"create": Authenticated(), "*": Owner("project__org__owner")}'),
        (
            (IsAuthenticated, StaffOrAuthor),
            '{"create": Authenticated(), "*": Staff() | Owner("author")}',
        ),
        (
            (IsAuthenticated, IsOwner | IsAdminUser),
            '{"create": Authenticated(), "*": Owner("author") | Staff()}',
        ),
        (
            (IsAuthenticatedOrReadOnly, IsOwnerOrReadOnly),
            '{"list, retrieve": Public(), "create": Authenticated(), "*": Owner("author")}',
        ),
        ((Auditor,), 'Role("Auditors")'),
        ((IsAuthenticated, IsEditor), 'Role("Editors")'),
        ((IsAuthenticated, ~IsEditor), 'Authenticated() & ~Role("Editors")'),
        ((IsEditor | Auditor,), 'Role("Editors") | Role("Auditors")'),
        ((MayPublish,), 'Permission("policy_app.change_doc")'),
        ((NobodyDeletes,), '{"destroy": Nobody(), "*": Authenticated()}'),
        ((DjangoModelPermissions,), MODEL % "Authenticated()"),
        ((DjangoModelPermissionsOrAnonReadOnly,), MODEL % "Public()"),
        (
            (ViewsToo,),
            (
                '{"create": Authenticated(), "update, partial_update": Granted("policy_app.change_doc"), '
                '"destroy": Granted("policy_app.delete_doc"), "*": Granted("policy_app.view_doc")}'
            ),
        ),
        ((IsMemberOfTheUrl,), "as_policy(IsMemberOfTheUrlRule())"),
        ((AWeekday,), "as_policy(AWeekdayRule())"),
        (
            (IsAuthenticated, Published),
            '{"create": Authenticated(), "*": Authenticated() & as_policy(PublishedRule())}',
        ),
        (
            (IsAuthenticated, NoSuchField),
            '{"create": Authenticated(), "*": Authenticated() & as_policy(NoSuchFieldRule())}',
        ),
    ],
)
def test_permission_classes_become_the_rule_that_says_the_same(
    classes: Any, policy: str, settings: Any
) -> None:
    assert policy_of(settings, *classes) == policy


@pytest.mark.parametrize(
    ("declared", "policy"),
    [
        (Authenticated(), '{"create": Authenticated(), "*": Owner("owner")}'),
        (Person(), '{"create": Person(), "*": Person() & Owner("owner")}'),
        (Authenticated() & as_policy(Weekday()), '{"create": Authenticated(), "*": Owner("owner")}'),
        (
            {"list": Public(), "*": (Person() | Role("A")) & Scope("docs:read")},
            (
                '{"list": Public(), "create": (Person() | Role("A")) & Scope("docs:read"), '
                '"*": (Person() | Role("A")) & Scope("docs:read") & Owner("owner")}'
            ),
        ),
        (
            {"retrieve": Person() | Role("A"), "*": Owner("owner")},
            '{"retrieve": (Person() | Role("A")) & Owner("owner"), "*": Owner("owner")}',
        ),
    ],
)
def test_what_is_said_of_a_declared_view_opens_it_no_further(
    declared: Any, policy: str, settings: Any
) -> None:
    """Its classes are gone, or not asked any more: read as they stand they would say `Public()`."""
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    own = {"policy": declared, "queryset": Org.objects.all()}
    found = facts(settings, routed(type("Here", (test_objects.OpenDocs,), own)))
    _, _, written = found["object-unchecked"].write.rpartition("policy = ")
    assert re.sub(r"\s+", " ", written).replace("{ ", "{").replace(", }", "}") == policy
    wrote(found["object-unchecked"])


# --- all of it is Python, and the table takes it ---


def every_project() -> Iterator[Any]:
    """The patterns of every case of these tests."""
    for module in (test_access, test_data, test_lists, test_objects, test_credentials):
        for mark in module.test_it_is_found_and_not_invented.pytestmark:
            for case in mark.args[1]:
                yield case.values[1]
    classes = (
        IsAdminUser,
        IsOwner,
        Published,
        AWeekday,
        ViewsToo,
        IsMemberOfTheUrl,
        StaffOrAuthor,
        NobodyDeletes,
    )
    for cls in classes:
        yield routed(type("Here", (Docs,), {"permission_classes": [IsAuthenticated, cls]}))


@pytest.mark.parametrize(
    ("view", "kind", "owner"),
    [
        (
            test_objects.Detached,
            "undeclared",
            "author",
        ),  # not a rule about the caller alone, without its IsOwner
        (test_objects.Detached, "object-by-hand", "author"),
        (Labelled, "undeclared", "author"),
        (OrgByHand, "object-by-hand", "owner"),
    ],
)
def test_what_a_view_fetches_by_hand_gets_a_policy_about_it(
    view: Any, kind: str, owner: str, settings: Any
) -> None:
    fact = facts(settings, at(view))[kind]
    assert fact.write.endswith(f'# class {view.__name__}(PolicyMixin, ...):\npolicy = Owner("{owner}")')


def test_a_plain_view_is_told_whose_it_fetches(settings: Any) -> None:
    fact = facts(settings, at(org_of_a_page))["object-by-hand"]
    assert fact.write.endswith(
        '@protect(policy=Owner("owner"))\nasync def org_of_a_page(request, pk): ...'
    ), fact.write


def test_where_several_relations_lead_to_users_they_are_named(settings: Any) -> None:
    """`Authenticated()` alone is what is open already."""
    fact = facts(settings, routed(Docs))["object-unchecked"]
    first = fact.write.splitlines()[0]
    assert first == '# whose it is: Owner("author"), Owner("reviewer"), Owner("keeper"), or several by |'


def test_a_check_of_an_object_that_comes_from_elsewhere_is_not_dropped(settings: Any) -> None:
    write = facts(settings, listed(FromTheBody))["undeclared"].write
    assert write.endswith("policy = Authenticated() & as_policy(IsOwnerRule())")


def wrote(fact: Fact) -> dict[str, Any]:
    """Run what a fact says to write, with the names that a project's own files have."""
    names: dict[str, Any] = {
        "AUTHENTICATION_BACKENDS": [],
        "MIDDLEWARE": [],
        "REST_FRAMEWORK": {},
        "STOCKADE": {},
        "TENANT_APPS": [],
        "serializers": serializers,
    }
    code = re.sub(r"^from tests\.\S+ import (\w+)$", r"class \1: ...", fact.write, flags=re.MULTILINE)
    code = re.sub(
        r"^from (?:knox|dj_rest_auth|rest_framework\.authtoken)\S* import (\w+)$",
        "",
        code,
        flags=re.MULTILINE,
    )
    exec(compile(code, fact.kind, "exec"), names)
    return names


def test_every_line_to_write_is_python_that_the_table_takes(settings: Any) -> None:
    seen = set()
    for patterns in every_project():
        for fact in project(settings, patterns).facts:
            assert fact.kind in KINDS
            assert all(len(line) <= 90 for line in fact.write.splitlines()), fact.write
            names = wrote(fact)
            seen.add(fact.kind)
            if "policy" in names:
                actions = {*ACTIONS, *fact.methods}
                PolicyTable(names["policy"], view=fact.view, actions=[a for a in actions if a.islower()])
    assert {"undeclared", "object-unchecked", "object-by-hand", "list-leaks", "anyone-writes"} <= seen


def _policy(fact: Fact) -> str:
    return fact.write[fact.write.index("policy = ") :]


def test_one_view_is_told_one_policy_whatever_it_is_told_for(settings: Any) -> None:
    """`Authenticated()` for what has no policy would be the hole that the next fact tells of."""
    several = 0
    for patterns in every_project():
        told: dict[str, set[str]] = {}
        for fact in project(settings, patterns).facts:
            kinds = {"undeclared", "object-unchecked", "list-leaks", "object-by-hand"}
            if fact.kind in kinds and "\npolicy = " in fact.write:
                several += fact.view in told
                told.setdefault(fact.view, set()).add(_policy(fact))
        assert all(len(policies) == 1 for policies in told.values()), told
    assert several > 10


def test_where_unchecked_objects_are_meant_the_policy_is_what_the_classes_amount_to(settings: Any) -> None:
    orgs = type("Here", (Docs,), {"queryset": Org.objects.all()})
    project(settings, routed(orgs))
    asked = {fact.kind: fact for fact in survey().facts}
    assert '"*": Owner("owner")' in _policy(asked["undeclared"])
    meant = {fact.kind: fact for fact in survey(lambda fact: fact.kind == "object-unchecked").facts}
    assert _policy(meant["undeclared"]) == "policy = Authenticated()"


@pytest.mark.django_db
def test_a_stub_holds_what_the_class_says_and_shows_no_row_until_it_is_written(settings: Any) -> None:
    fact = facts(
        settings, routed(type("Here", (Docs,), {"permission_classes": [IsAuthenticated, Published]}))
    )
    names: dict[str, Any] = {}
    exec(fact["undeclared"].write, names)
    written = as_policy(names["PublishedRule"]())
    user = User(pk=7, username="alice")
    alice = Principal(Kind.USER, "7", user)
    assert written.check(alice, Doc(published=True))
    assert not written.check(alice, Doc(published=False))
    assert written.check(ANONYMOUS, Doc(published=True))
    Doc.every.create(published=True, keeper=User.objects.create(username="bob"))
    assert not Doc.every.filter(written.filter(alice)).exists()


# --- scopes ---


def scoped(kind: str, **attributes: Any) -> Any:
    """A viewset under a permission of OAuth toolkit, which wants its app: known by its name alone."""
    module = "oauth2_provider.contrib.rest_framework.permissions"
    methods = {"__module__": module, "has_permission": lambda self, request, view: bool(request.auth)}
    permission = type(kind, (BasePermission,), methods)
    return routed(type("Here", (Docs,), {"permission_classes": [permission], **attributes}))


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        ("TokenHasScope", 'Authenticated() & Scope("music")'),
        ("IsAuthenticatedOrTokenHasScope", 'Authenticated() & Scope("music")'),
        ("TokenHasReadWriteScope", 'Authenticated() & Scope("music", "write")'),
        ("TokenHasResourceScope", 'Authenticated() & Scope("music:write")'),
        ("TokenMatchesOASRequirements", "as_policy(TokenMatchesOASRequirementsRule())"),
    ],
)
def test_scopes_bound_who_is_signed_in(kind: str, policy: str, settings: Any) -> None:
    fact = facts(settings, scoped(kind, required_scopes=["music"]))["undeclared"]
    assert policy in fact.write


# --- the pieces ---


def test_what_everyone_may_falls_away() -> None:
    owner = rule("Owner", "author", objects=True)
    role = rule("Role", "Editors")
    assert both(EVERYONE, owner) == owner
    assert both(SIGNED_IN, owner) == owner
    assert either(SIGNED_IN, owner) == SIGNED_IN
    assert either(owner, EVERYONE) == EVERYONE
    assert both(role, NOBODY) == NOBODY
    assert either(NOBODY, role) == role
    assert negated(EVERYONE) == NOBODY
    assert both(either(owner, role), SIGNED_IN).text == 'Owner("author") | Role("Editors")'
    assert both(either(owner, role), rule("Scope", "x", user=False)).text == (
        '(Owner("author") | Role("Editors")) & Scope("x")'
    )
    assert both(SIGNED_IN, negated(role)).text == 'Authenticated() & ~Role("Editors")'
    assert negated(either(owner, role)).text == '~(Owner("author") | Role("Editors"))'


class Inspected(Rest):
    def get(self, request: Request) -> Response:
        return Response()


def test_a_generic_view_is_told_of_the_mixin_and_others_are_not(settings: Any) -> None:
    owned = facts(settings, routed(type("Here", (Docs,), {"permission_classes": [IsAuthenticated, IsOwner]})))
    assert "# class Here(PolicyMixin, ...):" in owned["undeclared"].write
    assert "PolicyMixin" not in facts(settings, listed(Inspected))["undeclared"].write
    assert "PolicyMixin" not in facts(settings, routed(Docs))["undeclared"].write


def test_an_object_without_a_rule_is_given_to_its_owner_where_there_is_one(settings: Any) -> None:
    found = facts(settings, at(test_objects.One))["object-unchecked"]
    assert "Authenticated()" in found.write, "Doc has several relations to users: which of them is meant?"


class Orgs(Docs):
    queryset = Org.objects.all()  # type: ignore[assignment]
    permission_classes = [IsAuthenticatedOrReadOnly]


def test_what_everybody_reads_stays_everybodys_where_an_owner_is_named(settings: Any) -> None:
    fact = facts(settings, routed(Orgs))["object-unchecked"]
    policy = PolicyTable(wrote(fact)["policy"], view="Orgs", actions=ACTIONS)
    rules = {action: repr(policy.lookup("", action)) for action in ("list", "retrieve", "create", "destroy")}
    assert rules == {
        "list": "Public()",
        "retrieve": "Public()",
        "create": "Authenticated()",
        "destroy": "Owner('owner')",
    }


def test_a_key_of_drf_api_key_is_known_by_its_scheme(settings: Any) -> None:
    base = type("BaseHasAPIKey", (BasePermission,), {"__module__": "rest_framework_api_key.permissions"})
    keyed = type("HasAPIKey", (base,), {"__module__": "rest_framework_api_key.permissions"})
    keyed.has_permission = lambda self, request, view: bool(request.META.get("HTTP_X_KEY"))  # type: ignore[attr-defined]
    fact = facts(settings, routed(type("Here", (Docs,), {"permission_classes": [keyed]})))["undeclared"]
    written = as_policy(wrote(fact)["policy"])
    shown = Principal(Kind.SERVICE, "HasAPIKey:abc", credential=Credential("HasAPIKey", "abc", "abc"))
    other = Principal(Kind.USER, "7", User(pk=7), credential=Credential("TokenAuthentication", "t", "7"))
    assert [written.check(who) for who in (shown, other, ANONYMOUS)] == [True, False, False]


def test_without_views_there_is_nothing_to_say(settings: Any) -> None:
    found = project(settings, [])
    assert (found.views, found.others, found.facts, found.untold) == (0, {}, [], [])
    assert survey() == found
