"""Whom a token stands for, how that begins and ends, and what it may do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

import stockade
from stockade.core import clock
from stockade.models import ExternalIdentity
from stockade.pipeline.issuers import weak_issuer_findings
from stockade.pipeline.start import findings
from stockade.schemes.external import link, people, unlink
from stockade.schemes.external.links import digest_of
from tests.schemes import user_models
from tests.schemes.external.issuing import AUDIENCE, CLIENT, Issuer

pytestmark = pytest.mark.django_db(transaction=True)


def ask(token: str, path: str = "/me/", **more: Any) -> Any:
    return Client().get(path, headers={"Authorization": f"Bearer {token}"}, **more)


def by_employee_number(claims: Mapping[str, Any], issuer: str) -> Any:
    """A rule of a project's own."""
    return get_user_model().objects.filter(last_name=f"{issuer}:{claims.get('employee')}").first()


def wrong_rule(claims: Mapping[str, Any], issuer: str) -> Any:
    return "alice"


not_callable = 7


# -- steady state ----------------------------------------------------------------------------------------------------


def test_a_token_that_a_worker_knows_costs_no_sql_and_no_fetch(linked: Any, issuer: Issuer) -> None:
    token = issuer.token()
    assert ask(token, "/quiet/").status_code == 200
    with CaptureQueriesContext(connection) as queries:
        for _ in range(5):
            assert ask(token, "/quiet/").status_code == 200
    assert [query["sql"] for query in queries] == []
    assert issuer.fetched == 1


def test_a_new_token_costs_two_queries_and_no_fetch(
    linked: Any, issuer: Issuer, configure: Callable[..., None]
) -> None:
    configure(SCHEMES=["external"])  # without "jwt", which may look for the key among ours
    assert ask(issuer.token(), "/quiet/").status_code == 200
    token = issuer.token()
    with CaptureQueriesContext(connection) as queries:
        assert ask(token, "/quiet/").status_code == 200
    assert len(queries) == 2, [query["sql"] for query in queries]
    assert issuer.fetched == 1


# -- revocation ------------------------------------------------------------------------------------------------------


def test_a_deactivated_user_is_out_with_the_next_request(linked: Any, issuer: Issuer, log: Any) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    linked.is_active = False
    linked.save()
    assert ask(token).status_code == 401
    assert ask(issuer.token()).status_code == 401
    assert {record.reason for record in log("AUTHN_FAIL")} == {"inactive"}
    linked.is_active = True
    linked.save()
    assert ask(token).status_code == 200


def test_a_deleted_user_is_out_and_so_is_the_link(linked: Any, issuer: Issuer) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    linked.delete()
    assert ask(token).status_code == 401
    assert ask(issuer.token()).status_code == 401
    assert not ExternalIdentity.objects.exists()


def test_a_banned_user_is_out_with_the_next_request(linked: Any, issuer: Issuer) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    stockade.ban(user=linked)
    assert ask(token).status_code == 403
    assert ask(issuer.token()).status_code == 403


def test_a_banned_credential_is_out_with_the_next_request(linked: Any, issuer: Issuer, log: Any) -> None:
    token = issuer.token(jti="the-one")
    assert ask(token).status_code == 200
    stockade.ban(session="corporate:the-one")
    assert ask(token).status_code == 403
    assert ask(issuer.token()).status_code == 200


def test_unlinking_bites_on_the_next_request(linked: Any, issuer: Issuer, log: Any) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    assert unlink("corporate", "alice-at-issuer")
    assert ask(token).status_code == 401
    assert ask(issuer.token()).status_code == 401
    assert [record.subject for record in log("IDENTITY_UNLINKED")] == [str(linked.pk)]
    assert not unlink("corporate", "alice-at-issuer")


def test_ending_all_sessions_ends_the_tokens_of_the_issuer_that_there_are(
    linked: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    stockade.end_sessions(linked)
    assert ask(token).status_code == 401
    assert ask(token).status_code == 401
    later(2)
    assert ask(issuer.token()).status_code == 200
    assert ask(issuer.token(iat=int(clock.now()) - 60)).status_code == 401


def test_a_link_that_is_moved_by_hand_takes_its_tokens_along(linked: Any, issuer: Issuer) -> None:
    token = issuer.token()
    assert ask(token).json()["user"] == "alice"
    bob = get_user_model().objects.create_user("bob")
    row = ExternalIdentity.objects.get()
    row.user = bob
    row.save()
    assert ask(token).status_code == 401  # it was proven for alice
    assert ask(issuer.token()).json()["user"] == "bob"


def test_an_issuer_that_is_taken_out_of_the_settings_is_nobody(
    linked: Any, issuer: Issuer, configure: Callable[..., None]
) -> None:
    token = issuer.token()
    assert ask(token).status_code == 200
    configure(ISSUERS={"another": GOOD})
    assert ask(token).status_code == 401


def test_the_log_names_whom_nobody_knows(linked: Any, issuer: Issuer, log: Any) -> None:
    """So that an operator can link them."""
    assert ask(issuer.token(sub="auth0|5f7c8ec7c33c6c004bbafe82")).status_code == 401
    (record,) = log("AUTHN_FAIL")
    assert record.reason == "unknown_subject"
    assert record.details == {"issuer": "corporate", "sub": "auth0|5f7c8ec7c33c6c004bbafe82"}


# -- links -----------------------------------------------------------------------------------------------------------


def test_a_pair_is_linked_to_one_user_only(linked: Any, issuer: Issuer, log: Any) -> None:
    assert link(linked, "corporate", "alice-at-issuer").user_id == linked.pk
    bob = get_user_model().objects.create_user("bob")
    with pytest.raises(ValueError, match="Another user"):
        link(bob, "corporate", "alice-at-issuer")
    assert link(bob, "corporate", "bob-at-issuer").user_id == bob.pk
    assert [record.reason for record in log("IDENTITY_LINKED")] == ["by_hand"]


@pytest.mark.parametrize("subject", ["", "a" * 256, "a\n", "\0"], ids=repr)
def test_a_link_needs_a_subject(subject: str, linked: Any) -> None:
    with pytest.raises(ValueError, match="sub"):
        link(linked, "corporate", subject)


def test_a_link_needs_an_issuer_of_the_settings_and_a_user(linked: Any) -> None:
    with pytest.raises(ValueError, match="There is: corporate"):
        link(linked, "corporat", "x")
    with pytest.raises(ValueError, match="not saved"):
        link(get_user_model()(), "corporate", "x")


# -- by verified address ---------------------------------------------------------------------------------------------


@pytest.fixture
def by_email(trust: Callable[..., None], alice: Any) -> Any:
    trust(USER="verified_email", EMAIL_DOMAINS=["example.com"])
    return alice


def test_a_verified_address_links_its_user_once(by_email: Any, issuer: Issuer, log: Any) -> None:
    assert ask(issuer.token(email="Alice@Example.com", email_verified=True)).json()["user"] == "alice"
    assert [record.reason for record in log("IDENTITY_LINKED")] == ["email"]
    # From now on the subject counts, whatever the address is.
    by_email.email = "other@example.com"
    by_email.save()
    assert ask(issuer.token()).json()["user"] == "alice"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email": "alice@example.com"}, "email_unverified"),
        ({"email": "alice@example.com", "email_verified": False}, "email_unverified"),
        ({"email": "alice@example.com", "email_verified": "true"}, "email_unverified"),
        ({"email": "alice@example.com", "email_verified": 1}, "email_unverified"),
        ({"email_verified": True}, "email_unverified"),
        ({"email": ["alice@example.com"], "email_verified": True}, "email_unverified"),
        ({"email": "alice@example.org", "email_verified": True}, "email_domain"),
        ({"email": "alice@example.com@evil.org", "email_verified": True}, "email_domain"),
        ({"email": "alice@example.com.", "email_verified": True}, "email_domain"),
        ({"email": "al\u0131ce@example.com", "email_verified": True}, "email_malformed"),
        ({"email": "\uff41lice@example.com", "email_verified": True}, "email_malformed"),
        ({"email": "alice@example.com\0", "email_verified": True}, "email_malformed"),
        ({"email": "nobody@example.com", "email_verified": True}, "unknown_subject"),
        ({"email": "%@example.com", "email_verified": True}, "unknown_subject"),
        ({"email": "_lice@example.com", "email_verified": True}, "unknown_subject"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_account_is_not_taken_over_by_an_address(
    claims: dict[str, Any], reason: str, by_email: Any, issuer: Issuer, log: Any
) -> None:
    assert ask(issuer.token(**claims)).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == reason
    assert not ExternalIdentity.objects.exists()


@pytest.mark.parametrize("right", ["is_staff", "is_superuser"])
def test_nobody_gets_the_rights_of_staff_by_an_address(
    right: str, by_email: Any, issuer: Issuer, log: Any
) -> None:
    setattr(by_email, right, True)
    by_email.save()
    assert ask(issuer.token(email="alice@example.com", email_verified=True)).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "email_privileged"


def test_a_mailbox_that_was_given_to_somebody_else_opens_nothing(
    by_email: Any, issuer: Issuer, log: Any
) -> None:
    mail: dict[str, Any] = {"email": "alice@example.com", "email_verified": True}
    assert ask(issuer.token(**mail)).status_code == 200
    assert ask(issuer.token(sub="the-next-alice", **mail)).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "email_reused"


def test_of_two_people_of_one_mailbox_at_once_one_is_linked(
    by_email: Any, issuer: Issuer, log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are found to be who they say before either has a link."""
    mail: dict[str, Any] = {"email": "alice@example.com", "email_verified": True}
    tokens = [issuer.token(sub=subject, **mail) for subject in ("the-first", "the-second")]
    found, barrier = people._by_email, threading.Barrier(2)

    def together(*verified: Any) -> Any:
        user = found(*verified)
        barrier.wait(60)
        return user

    monkeypatch.setattr(people, "_by_email", together)
    statuses: list[int] = []

    def run(token: str) -> None:
        try:
            statuses.append(ask(token).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(statuses) == [200, 401]
    assert log("AUTHN_FAIL")[-1].reason == "email_reused"
    assert ExternalIdentity.objects.count() == 1


def test_an_address_of_two_users_is_nobodys(by_email: Any, issuer: Issuer, log: Any) -> None:
    get_user_model().objects.create_user("alice2", "ALICE@example.com")
    assert ask(issuer.token(email="alice@example.com", email_verified=True)).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "email_ambiguous"


def test_an_address_counts_only_where_it_is_declared(
    trust: Callable[..., None], alice: Any, issuer: Issuer
) -> None:
    trust()
    assert ask(issuer.token(email="alice@example.com", email_verified=True)).status_code == 401


# -- with a new user -------------------------------------------------------------------------------------------------


def test_an_unknown_subject_gets_a_user_where_it_is_declared(
    trust: Callable[..., None], alice: Any, issuer: Issuer, log: Any
) -> None:
    trust(USER="create")
    token = issuer.token(sub="bob-at-issuer", email="alice@example.com", preferred_username="alice")
    first = ask(token).json()
    assert first["user"].startswith("corporate-")
    assert first["subject"] != str(alice.pk)
    assert ask(issuer.token(sub="bob-at-issuer")).json()["subject"] == first["subject"]
    user = get_user_model().objects.get(pk=first["subject"])
    assert not user.has_usable_password()
    assert user.email == ""
    assert not user.is_staff
    assert not user.is_superuser
    assert [record.reason for record in log("IDENTITY_LINKED")] == ["created"]


def test_a_name_that_was_taken_in_advance_gives_nobody_away(
    trust: Callable[..., None], alice: Any, issuer: Issuer, log: Any
) -> None:
    """The made-up name can be worked out by whoever knows the `sub`, and be registered here before."""
    trust(USER="create")
    name = f"corporate-{digest_of('', issuer.url, 'bob-at-issuer')[:24]}"
    get_user_model().objects.create_user(name)
    assert ask(issuer.token(sub="bob-at-issuer")).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "unknown_subject"
    assert not ExternalIdentity.objects.exists()


def test_somebody_unlinked_stays_out_until_the_user_that_was_made_is_gone(
    trust: Callable[..., None], alice: Any, issuer: Issuer
) -> None:
    trust(USER="create")
    made = ask(issuer.token(sub="bob-at-issuer")).json()["subject"]
    assert unlink("corporate", "bob-at-issuer")
    assert ask(issuer.token(sub="bob-at-issuer")).status_code == 401
    link(get_user_model().objects.get(pk=made), "corporate", "bob-at-issuer")
    assert ask(issuer.token(sub="bob-at-issuer")).json()["subject"] == made


def test_two_first_requests_at_once_make_one_user(
    trust: Callable[..., None], alice: Any, issuer: Issuer
) -> None:
    trust(USER="create")
    assert ask(issuer.token(sub="warm-up")).status_code == 200
    before = get_user_model().objects.count()
    tokens = [issuer.token(sub="bob-at-issuer") for _ in range(4)]
    barrier, found = threading.Barrier(4), []

    def run(token: str) -> None:
        try:
            barrier.wait(30)
            found.append(ask(token).json().get("subject"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert get_user_model().objects.count() == before + 1


# -- by a rule of the project's own ----------------------------------------------------------------------------------


def test_a_rule_of_the_projects_own_decides_each_time(
    trust: Callable[..., None], alice: Any, issuer: Issuer, later: Callable[[float], None], log: Any
) -> None:
    trust(USER="tests.schemes.external.test_life.by_employee_number")
    alice.last_name = "corporate:7"
    alice.save()
    token = issuer.token(employee=7)
    assert ask(token).json()["user"] == "alice"
    assert ask(issuer.token(employee=8)).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "unknown_subject"
    alice.last_name = "corporate:9"
    alice.save()
    assert ask(token).status_code == 401


def by_account(claims: Mapping[str, Any], issuer: str) -> Any:
    """Another rule: one person of the issuer calls now as this user, now as that one."""
    return get_user_model().objects.filter(username=claims.get("account")).first()


def test_a_stolen_token_ends_with_all_sessions_where_a_rule_names_the_user_too(
    trust: Callable[..., None], alice: Any, issuer: Issuer, later: Callable[[float], None]
) -> None:
    trust(USER="tests.schemes.external.test_life.by_account")
    get_user_model().objects.create_user("bob")
    remembered, kept = (issuer.token(account="alice") for _ in range(2))
    of_bob = issuer.token(account="bob")
    assert [ask(token).status_code for token in (remembered, of_bob)] == [200, 200]
    stockade.end_sessions(alice)
    assert ask(remembered).status_code == 401
    assert ask(kept).status_code == 401
    assert ask(of_bob).json()["user"] == "bob"
    later(2)
    assert ask(issuer.token(account="alice")).json()["user"] == "alice"


def test_whom_a_rule_has_named_is_nobody_where_links_decide(
    trust: Callable[..., None], alice: Any, issuer: Issuer, log: Any
) -> None:
    """Its rows are for `end_sessions`, and no links that a later setting would believe."""
    trust(USER="tests.schemes.external.test_life.by_account")
    assert ask(issuer.token(account="alice")).status_code == 200
    assert ExternalIdentity.objects.get().origin == "rule"
    trust()
    assert ask(issuer.token(account="alice")).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "unknown_subject"


def test_a_link_is_not_made_where_a_rule_would_pass_it_over(
    trust: Callable[..., None], alice: Any, issuer: Issuer
) -> None:
    trust(USER="tests.schemes.external.test_life.by_account")
    with pytest.raises(ValueError, match="that function says who is who"):
        link(alice, "corporate", "alice-at-issuer")
    with pytest.raises(ValueError, match="that function says who is who"):
        unlink("corporate", "alice-at-issuer")


def test_a_rule_that_gives_something_else_is_an_error_and_lets_nobody_in(
    trust: Callable[..., None], alice: Any, issuer: Issuer
) -> None:
    trust(USER="tests.schemes.external.test_life.wrong_rule")
    with pytest.raises(TypeError, match="must return a saved user"):
        ask(issuer.token())


# -- services --------------------------------------------------------------------------------------------------------

SIGNS: list[dict[str, Any]] = [
    {"sub": CLIENT},
    {"gty": "client-credentials"},
    {"idtyp": "app"},
    {"sub": f"{CLIENT}@clients"},
]


@pytest.mark.parametrize("claims", SIGNS, ids=str)
@pytest.mark.parametrize("rule", ["links", "create"])
def test_a_clients_own_token_is_no_users(
    rule: str, claims: dict[str, Any], trust: Callable[..., None], linked: Any, issuer: Issuer, log: Any
) -> None:
    trust(USER=rule)
    link(linked, "corporate", CLIENT)
    assert ask(issuer.token(**claims)).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "service_token"


@pytest.mark.parametrize("claims", SIGNS, ids=str)
def test_it_is_a_services_where_that_is_declared(
    claims: dict[str, Any], trust: Callable[..., None], linked: Any, issuer: Issuer
) -> None:
    trust(SERVICES=True)
    told = ask(issuer.token(**claims)).json()
    assert (told["user"], told["subject"]) == ("", f"corporate:{CLIENT}")
    assert ask(issuer.token()).json()["user"] == "alice"


def test_a_service_may_be_known_by_a_claim(trust: Callable[..., None], linked: Any, issuer: Issuer) -> None:
    trust(SERVICES={"kind": "service"})
    assert ask(issuer.token(kind="service")).json()["subject"] == f"corporate:{CLIENT}"
    assert ask(issuer.token(kind="person")).json()["user"] == "alice"


@pytest.mark.parametrize("claims", SIGNS, ids=str)
def test_a_client_that_services_does_not_name_is_kept_out(
    claims: dict[str, Any], trust: Callable[..., None], linked: Any, issuer: Issuer, log: Any
) -> None:
    """Whoever names one client means that one: every other of the issuer's got in, as a service of its own name."""
    trust(SERVICES={"sub": ["reports", "billing"]})
    link(linked, "corporate", CLIENT)
    assert ask(issuer.token(**claims)).status_code == 401
    assert log("AUTHN_FAIL")[-1].reason == "service_token"
    told = ask(issuer.token(sub="reports", client_id="reports"))
    assert told.json()["subject"] == "corporate:reports"
    # A person who uses that client is herself.
    assert ask(issuer.token(client_id="reports")).json()["user"] == "alice"


def test_a_banned_service_is_out(trust: Callable[..., None], linked: Any, issuer: Issuer) -> None:
    trust(SERVICES=True)
    token = issuer.token(sub=CLIENT)
    assert ask(token).status_code == 200
    stockade.ban(service=f"corporate:{CLIENT}")
    assert ask(token).status_code == 403
    assert ask(issuer.token()).status_code == 200


# -- scopes, roles, assurance ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "claims", "status"),
    [
        ({}, {"scope": "articles:read openid"}, 200),
        ({}, {"scope": ["articles:read"]}, 200),
        ({}, {"scope": "articles:reads"}, 403),
        ({}, {"scope": ""}, 403),
        ({}, {"scope": None}, 403),
        ({}, {"scope": 7}, 401),
        ({}, {"scope": [7]}, 401),
        ({"SCOPE_CLAIM": "scp"}, {"scope": None, "scp": "articles:read"}, 200),
        ({"SCOPE_CLAIM": "scp"}, {"scope": "articles:read", "scp": None}, 403),
        ({"SCOPE_CLAIM": ["resource", "scopes"]}, {"resource": {"scopes": ["articles:read"]}}, 200),
        ({"SCOPE_CLAIM": ["resource", "scopes"]}, {"resource": []}, 403),
        ({"SCOPE_CLAIM": None}, {"scope": None}, 200),
    ],
    ids=str,
)
def test_scopes_bound_a_token(
    entry: dict[str, Any],
    claims: dict[str, Any],
    status: int,
    trust: Callable[..., None],
    linked: Any,
    issuer: Issuer,
) -> None:
    trust(**entry)
    assert ask(issuer.token(**claims), "/reading/").status_code == status


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"realm_access": {"roles": ["offline_access", "editor"]}}, 200),
        ({"realm_access": {"roles": "editor"}}, 200),
        ({"realm_access": {"roles": ["Editors"]}}, 403),
        ({"realm_access": {"roles": [["editor"], 7, None]}}, 403),
        ({"realm_access": ["editor"]}, 403),
        ({}, 403),
    ],
    ids=str,
)
def test_only_roles_that_are_named_are_taken(
    claims: dict[str, Any], status: int, trust: Callable[..., None], linked: Any, issuer: Issuer
) -> None:
    trust(ROLES_CLAIM=["realm_access", "roles"], ROLES={"editor": "Editors"})
    assert ask(issuer.token(**claims), "/editing/").status_code == status


def test_the_users_groups_count_beside_them(linked: Any, issuer: Issuer) -> None:
    token = issuer.token()
    assert ask(token, "/editing/").status_code == 403
    linked.groups.add(Group.objects.create(name="Editors"))
    assert ask(token, "/editing/").status_code == 200


def test_how_the_user_logged_in_counts_only_where_that_is_believed(
    trust: Callable[..., None], linked: Any, issuer: Issuer
) -> None:
    now = int(clock.now())
    claims: dict[str, Any] = {"amr": ["pwd", "otp"], "acr": "urn:mfa", "auth_time": now - 5}
    told = ask(issuer.token(**claims)).json()
    assert (told["amr"], told["acr"], told["auth_time"]) == ([], "", 0.0)
    trust(AMR=True, ACR=["urn:mfa"])
    told = ask(issuer.token(**claims)).json()
    assert (told["amr"], told["acr"], told["auth_time"]) == (["otp", "pwd"], "urn:mfa", now - 5)
    told = ask(issuer.token(amr=[7, {}], acr="urn:other", auth_time=now + 500)).json()
    assert (told["amr"], told["acr"], told["auth_time"]) == ([], "", 0.0)


# -- tenants ---------------------------------------------------------------------------------------------------------


def tenant_of(request: Any) -> str | None:
    """By host."""
    return request.META["HTTP_HOST"].partition(".")[0] if request is not None else None


@pytest.fixture
def tenants(project: Any, linked: Any, configure: Callable[..., None]) -> None:
    project.ALLOWED_HOSTS = [".example.com"]
    configure(TENANT=tenant_of)


def test_a_link_is_one_tenants(tenants: None, linked: Any, issuer: Issuer) -> None:
    from stockade.core import tenant
    from stockade.core.context import RequestContext, current

    context = RequestContext("1", {})
    context.tenant = "north"
    token = current.set(context)
    try:
        assert tenant.now() == "north"
        link(linked, "corporate", "alice-at-issuer")
    finally:
        current.reset(token)
    shown = issuer.token()
    north = Client().get("/me/", headers={"Authorization": f"Bearer {shown}", "Host": "north.example.com"})
    south = Client().get("/me/", headers={"Authorization": f"Bearer {shown}", "Host": "south.example.com"})
    assert (north.status_code, south.status_code) == (200, 401)
    assert north.json()["subject"] == f"north/{linked.pk}"


# -- at the start ----------------------------------------------------------------------------------------------------

GOOD = {"ISSUER": "https://id.example.com/", "AUDIENCE": AUDIENCE}


def test_good_settings_start(configure: Callable[..., None]) -> None:
    configure(SCHEMES=["external"], ISSUERS={"corporate": GOOD})
    assert [one for one in findings() if one.stops] == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"ISSUER": "http://id.example.com/"}, "https://"),
        ({"ISSUER": "https://user:pw@id.example.com/"}, "https://"),
        ({"ISSUER": "https://id.example.com/?a=b"}, "no query"),
        ({"ISSUER": "id.example.com"}, "https://"),
        ({"JWKS_URL": "http://id.example.com/jwks"}, "https://"),
        ({"JWKS_URL": "http://127.0.0.1/jwks"}, "LOOPBACK"),
        ({"AUDIENCE": []}, "what the tokens are for"),
        ({"AUDIENCE": ""}, "AUDIENCE"),
        ({"ALGORITHMS": ["HS256"]}, "RS256"),
        ({"ALGORITHMS": ["none"]}, "RS256"),
        ({"ALGORITHMS": []}, "RS256"),
        ({"TYPE": "any"}, "at+jwt"),
        ({"USER": "anybody"}, "verified_email"),
        ({"USER": "verified_email"}, "EMAIL_DOMAINS"),
        ({"EMAIL_DOMAINS": ["example.com"]}, "USER"),
        ({"USER": "verified_email", "EMAIL_DOMAINS": ["Example.com"]}, "lower case"),
        ({"ROLES": {"a": "b"}}, "ROLES_CLAIM"),
        ({"ROLES_CLAIM": "roles"}, "ROLES"),
        ({"SERVICES": {}}, "SERVICES"),
        ({"LEEWAY": "1h"}, "LEEWAY"),
        ({"KEEP": "60s", "REFRESH": "10m"}, "KEEP"),
        ({"AUDIENZ": "x"}, "Known:"),
        ({"USER": "tests.schemes.external.test_life.nowhere"}, "nowhere"),
        ({"USER": "tests.schemes.external.test_life.not_callable"}, "not callable"),
    ],
    ids=str,
)
def test_wrong_settings_stop_the_start_and_say_what_to_write(
    entry: dict[str, Any], said: str, configure: Callable[..., None]
) -> None:
    configure(SCHEMES=["external"], ISSUERS={"corporate": {**GOOD, **entry}})
    stopping = [str(one) for one in findings() if one.stops]
    assert len(stopping) == 1, stopping
    assert said in stopping[0]


def test_a_model_whose_users_have_no_made_up_names_is_told(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose name is an address, "create" would make an address up that may be somebody's."""
    configure(SCHEMES=["external"], ISSUERS={"corporate": {**GOOD, "USER": "create"}})
    assert [one for one in findings() if one.stops] == []
    monkeypatch.setattr("stockade.schemes.external.people.get_user_model", lambda: user_models.Bare)
    (told,) = [str(one) for one in findings() if one.stops]
    assert told.startswith("stockade.E254")
    assert "dotted path" in told


def test_a_model_that_would_take_one_made_up_user_only_is_told(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has the same empty address, and was refused for ever as if nobody knew it."""
    configure(SCHEMES=["external"], ISSUERS={"corporate": {**GOOD, "USER": "create"}})
    monkeypatch.setattr("stockade.schemes.external.people.get_user_model", lambda: user_models.Mailed)
    (told,) = [str(one) for one in findings() if one.stops]
    assert told.startswith("stockade.E254")
    assert "Mailed.email must be another for each user" in told


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"ISSUERS": {"corporate": {"ISSUER": GOOD["ISSUER"]}}}, "lacks AUDIENCE"),
        ({"ISSUERS": {"Corporate!": GOOD}}, "name of an issuer"),
        ({"ISSUERS": {"a": GOOD, "b": {**GOOD, "AUDIENCE": "x"}}}, "one issuer"),
        ({"ISSUERS": {"a": 7}}, "no dict"),
        ({"ISSUERS": {}}, "names no issuer"),
        ({"SCHEMES": ["jwt"], "ISSUERS": {"a": GOOD}}, '"external"'),
        ({"SCHEMES": ["jwt", "external"], "JWT": {"ISSUER": GOOD["ISSUER"]}}, "our own"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together_are_told(
    keys: dict[str, Any], said: str, configure: Callable[..., None]
) -> None:
    configure(**{"SCHEMES": ["external"], "ISSUERS": {"corporate": GOOD}, **keys})
    told = [str(one) for one in findings()]
    assert any(said in one for one in told), told


def test_what_is_weak_where_clients_come_is_told_there(configure: Callable[..., None]) -> None:
    configure(SCHEMES=["external"], ISSUERS={"corporate": GOOD})
    assert list(weak_issuer_findings()) == []
    local = {"ISSUER": "http://127.0.0.1:1", "AUDIENCE": AUDIENCE, "LOOPBACK": True}
    anyone = {**GOOD, "USER": "verified_email", "EMAIL_DOMAINS": "*", "TYPE": "id"}
    configure(SCHEMES=["external"], ISSUERS={"local": local, "anyone": anyone})
    told = [one.id for one in weak_issuer_findings()]
    assert told == ["stockade.W253", "stockade.W254", "stockade.W255"]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"SERVICES": {"azp": ["spa"]}}, ["stockade.W257"]),
        ({"SERVICES": {"client_id": ["spa"]}}, ["stockade.W257"]),
        ({"SERVICES": {"client_id": ["reports"]}, "TYPE": "jwt"}, []),
        ({"SERVICES": {"azp": ["reports"], "idtyp": "app"}}, []),
        ({"SERVICES": {"sub": ["reports"]}}, []),
        ({"SERVICES": True}, []),
    ],
    ids=str,
)
def test_services_that_are_known_by_what_people_have_too_are_told(
    entry: dict[str, Any], told: list[str], configure: Callable[..., None]
) -> None:
    """Everybody who logs in through that app would be the service, with its rights."""
    configure(SCHEMES=["external"], ISSUERS={"corporate": {**GOOD, **entry}})
    assert [one.id for one in weak_issuer_findings()] == told


@pytest.mark.parametrize("entry", [{"SERVICES": True}, {"USER": "create"}], ids=str)
def test_a_token_that_is_good_at_every_tenant_is_told(
    entry: dict[str, Any], configure: Callable[..., None]
) -> None:
    configure(SCHEMES=["external"], ISSUERS={"corporate": {**GOOD, **entry}})
    assert list(weak_issuer_findings()) == []
    configure(TENANT=tenant_of)
    assert [one.id for one in weak_issuer_findings()] == ["stockade.W256"]
    configure(ISSUERS={"corporate": GOOD})
    assert list(weak_issuer_findings()) == []
