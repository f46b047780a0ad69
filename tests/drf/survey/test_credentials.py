"""Credentials and settings: found where they are in use and as they are, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import auth
from django.contrib.auth import authenticate
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.cache import caches
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer, ValidationError
from rest_framework.throttling import AnonRateThrottle, BaseThrottle, ScopedRateThrottle, UserRateThrottle
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView, TokenVerifyView

from stockade.policy import Authenticated
from tests.drf.survey.asking import facts, listed, project, routed
from tests.drf.survey.common import Docs, Rest
from tests.drf.survey.test_access import asks, open_function
from tests.policy_app.models import Doc


def packaged(name: str, *bases: type[Any]) -> Any:
    """A class as a package has it that needs an app of its own: the survey knows it by its name."""
    module, _, short = name.rpartition(".")
    return type(short, bases, {"__module__": module})


KnoxAuthentication = packaged("knox.auth.TokenAuthentication", BaseAuthentication)
KnoxLoginView = packaged("knox.views.LoginView", Rest)
DjRestAuthLoginView = packaged("dj_rest_auth.views.LoginView", Rest)


OPTIONAL = {"rest_framework.authtoken", "rest_framework_simplejwt.token_blacklist", "django_tenants"}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Which of these apps are among INSTALLED_APPS, as far as the survey can see: none until they are named."""
    real, named = apps.is_installed, set[str]()
    monkeypatch.setattr(apps, "is_installed", lambda name: name in named if name in OPTIONAL else real(name))
    return lambda *names: named.update(names)


# --- login-unlimited ---


class Anon(AnonRateThrottle):
    rate = "5/min"


class NoRate(AnonRateThrottle):
    def get_rate(self) -> Any:
        return None


class Scoped(ScopedRateThrottle):
    THROTTLE_RATES = {"login": "5/min", "dj_rest_auth": "5/min"}


class OwnThrottle(BaseThrottle):
    def allow_request(self, request: Request, view: Any) -> bool:
        return False


class Login(TokenObtainPairView):
    authentication_classes = ()
    throttle_classes = []


def login(base: Any = Login, **attributes: Any) -> Any:
    """A login view with these attributes."""
    post = {} if hasattr(base, "post") else {"post": lambda self, request: Response()}
    return listed(type("LoginHere", (base,), {**post, **attributes}))


def ratelimit(view: Any) -> Any:
    def wrapper(request: Any, *args: Any, **kwargs: Any) -> Any:
        return view(request, *args, **kwargs)

    wrapper.__wrapped__ = view  # type: ignore[attr-defined]
    return wrapper


class Checked(Login):
    def check_throttles(self, request: Request) -> None:
        raise NotImplementedError


class OwnLogin(Rest):
    """As projects write it that make their tokens themselves."""

    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        user = authenticate(request, username=request.data["name"], password=request.data["password"])
        return Response({"in": user is not None})


class Credentials(Serializer[Any]):
    name = CharField()
    password = CharField()

    def validate(self, attrs: Any) -> Any:
        if auth.authenticate(username=attrs["name"], password=attrs["password"]) is None:
            raise ValidationError("No.")
        return attrs


class BySerializer(Rest):
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        Credentials(data=request.data).is_valid(raise_exception=True)
        return Response()


def entered(request: Any) -> Any:
    return authenticate(request, username=request.POST["name"], password=request.POST["password"])


def page(request: Any) -> HttpResponse:
    if request.method == "POST" and entered(request) is None:
        return HttpResponse("No.")
    return HttpResponse()


class Limited(OwnLogin):
    throttle_classes = [Anon]


class Confirms(OwnLogin):
    permission_classes = [IsAuthenticated]


class LoginMixed(LoginRequiredMixin, View):
    def post(self, request: Any) -> HttpResponse:
        return HttpResponse(str(entered(request)))


# --- authenticators ---


class FromQuery(BaseAuthentication):
    def authenticate(self, request: Request) -> Any:
        return self.of(request)

    def of(self, request: Request) -> Any:
        return request.query_params.get("token")


class FromGet(BaseAuthentication):
    def authenticate(self, request: Request) -> Any:
        return request.GET.get("token")


class FromQueryBelow(FromQuery):
    keyword = "Bearer"


class FromHeader(BaseAuthentication):
    """Never from request.GET."""

    def authenticate(self, request: Request) -> Any:
        return request.headers.get("X-Token")


class Subclass(BasicAuthentication):
    pass


class Report(Rest):
    """Reads its query string, for something else."""

    def get(self, request: Request) -> Response:
        return Response(request.query_params.get("year"))


def authenticated_by(*classes: Any) -> Any:
    return listed(type("Here", (Report,), {"authentication_classes": classes}))


@pytest.mark.parametrize(
    ("kind", "patterns", "expected"),
    [
        *asks(
            "login-unlimited",
            found={
                "no throttle": listed(Login),
                "derived": login(),
                "a throttle without a rate": login(throttle_classes=[NoRate]),
                "a scoped one without a scope": login(throttle_classes=[Scoped]),
                "knox": login(KnoxLoginView, throttle_classes=[]),
                "dj-rest-auth": login(DjRestAuthLoginView, throttle_classes=[]),
                "a decorator that limits nothing": listed(never_cache(Login.as_view())),
                "its own": listed(OwnLogin),
                "its own by a serializer": listed(BySerializer),
                "its own page": listed(page),
            },
            missed={
                "by address": login(throttle_classes=[Anon]),
                "by scope": login(throttle_classes=[Scoped], throttle_scope="login"),
                "dj-rest-auth by its scope": login(
                    DjRestAuthLoginView, throttle_classes=[Scoped], throttle_scope="dj_rest_auth"
                ),
                "one of its own": login(throttle_classes=[OwnThrottle]),
                "check_throttles": listed(Checked),
                "a decorator that limits": listed(ratelimit(Login.as_view())),
                "a decorator that limits, at dispatch": listed(
                    method_decorator(ratelimit, name="dispatch")(type("Limited", (Login,), {}))
                ),
                "a refresh": login(TokenRefreshView, throttle_classes=[]),
                "no login": listed(Report),
                "its own, by address": listed(Limited),
                "its own, of somebody signed in": listed(Confirms),
                "its own page, of somebody signed in": listed(LoginMixed),
                "its own page, by a decorator that limits": listed(ratelimit(page)),
            },
        ),
        *asks(
            "basic-auth",
            found={
                "alone": authenticated_by(BasicAuthentication),
                "beside others": authenticated_by(SessionAuthentication, BasicAuthentication),
                "derived": authenticated_by(Subclass),
                "a viewset": routed(type("Here", (Docs,), {"authentication_classes": [BasicAuthentication]})),
                "DRF's own default": listed(open_function),
            },
            missed={
                "a session": authenticated_by(SessionAuthentication),
                "none": authenticated_by(),
                "a token": authenticated_by(KnoxAuthentication),
                "its own": authenticated_by(FromHeader),
            },
        ),
        *asks(
            "credential-in-query",
            found={
                "query_params, in a method of it": authenticated_by(FromQuery),
                "GET": authenticated_by(FromGet),
                "inherited": authenticated_by(FromQueryBelow),
                "beside others": authenticated_by(SessionAuthentication, FromQuery),
                "two of them": authenticated_by(FromGet, FromQuery),
            },
            missed={
                "a header": authenticated_by(FromHeader),
                "a view that reads its query": listed(Report),
                "another package's": authenticated_by(JWTAuthentication),
                "none": authenticated_by(),
            },
        ),
    ],
)
def test_it_is_found_and_not_invented(kind: str, patterns: Any, expected: bool, settings: Any) -> None:
    assert (kind in facts(settings, patterns)) is expected


@pytest.mark.parametrize(
    "name", ["axes.backends.AxesStandaloneBackend", "stockade.schemes.backend.LoginLimits"]
)
def test_a_login_that_is_limited_elsewhere_is_not_told(name: str, settings: Any) -> None:
    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    settings.AUTHENTICATION_BACKENDS = [name, *settings.AUTHENTICATION_BACKENDS]
    assert "login-unlimited" not in facts(settings, listed(Login))


def test_the_backends_to_write_stand_without_settings_that_name_any(settings: Any) -> None:
    write = facts(settings, listed(Login))["login-unlimited"].write
    with pytest.raises(NameError):  # alone it would turn on what refuses every view without a policy
        exec(write, {})
    named: dict[str, Any] = {"STOCKADE": {"MODE": "report", "LIMITS": {"anon": "50/day"}}}
    exec(write, named)
    limits = {"anon": "50/day", "login": "5/min", "login_address": "30/min"}
    assert named["STOCKADE"] == {"MODE": "report", "LIMITS": limits}
    ours = "stockade.schemes.backend.LoginLimits"
    assert named["AUTHENTICATION_BACKENDS"] == [ours, *settings.AUTHENTICATION_BACKENDS]


def test_a_default_that_ours_took_the_place_of_takes_no_password(settings: Any) -> None:
    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    assert "basic-auth" not in facts(settings, listed(open_function))
    assert "basic-auth" in facts(settings, authenticated_by(BasicAuthentication))
    settings.STOCKADE = {**settings.STOCKADE, "UNDECLARED": "legacy"}
    assert "basic-auth" in facts(settings, listed(open_function))


# --- throttle-per-process ---


class InDatabase(UserRateThrottle):
    rate = "5/min"

    @property
    def cache(self) -> Any:
        return caches["shared"]


class InMemory(UserRateThrottle):
    rate = "5/min"

    @property
    def cache(self) -> Any:
        return caches["default"]


LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
SHARED = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}


@pytest.mark.parametrize(
    ("throttle", "default", "expected"),
    [
        (Anon, LOCAL, True),
        (InMemory, LOCAL, True),
        (Anon, SHARED, False),
        (InMemory, SHARED, False),
        (InDatabase, LOCAL, False),
        (NoRate, LOCAL, False),
        (Scoped, LOCAL, False),
        (OwnThrottle, LOCAL, False),
    ],
)
def test_throttles_that_count_in_each_process_are_told(
    throttle: Any, default: Any, expected: bool, settings: Any
) -> None:
    settings.CACHES = {"default": default, "shared": SHARED}
    patterns = listed(type("Here", (Report,), {"throttle_classes": [throttle]}))
    assert ("throttle-per-process" in facts(settings, patterns)) is expected


# --- simplejwt ---

ROTATED = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
JWT = [*listed(TokenObtainPairView), *listed(TokenRefreshView)]
BY_JWT = authenticated_by(JWTAuthentication)


@pytest.mark.parametrize(
    ("kind", "given", "patterns", "expected"),
    [
        ("refresh-reusable", {}, JWT, True),
        ("refresh-reusable", {"ROTATE_REFRESH_TOKENS": True}, JWT, True),
        ("refresh-reusable", {"BLACKLIST_AFTER_ROTATION": True}, JWT, True),
        ("refresh-reusable", ROTATED, JWT, False),
        ("refresh-reusable", {}, BY_JWT, False),
        ("refresh-reusable", {}, listed(TokenVerifyView), False),
        ("refresh-reusable", {}, listed(Report), False),
        ("shared-key", {}, JWT, True),
        ("shared-key", {}, BY_JWT, True),
        ("shared-key", {"ALGORITHM": "HS512"}, JWT, True),
        ("shared-key", {"SIGNING_KEY": "another"}, JWT, False),
        ("shared-key", {"ALGORITHM": "ES256"}, JWT, False),
        ("shared-key", {}, listed(Report), False),
        ("shared-key", {}, authenticated_by(KnoxAuthentication), False),
        ("long-access", {"ACCESS_TOKEN_LIFETIME": timedelta(days=1)}, JWT, True),
        ("long-access", {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=61)}, BY_JWT, True),
        ("long-access", {"ACCESS_TOKEN_LIFETIME": timedelta(hours=1)}, JWT, False),
        ("long-access", {}, JWT, False),
        ("long-access", {"REFRESH_TOKEN_LIFETIME": timedelta(days=90)}, JWT, False),
        ("long-access", {"ACCESS_TOKEN_LIFETIME": timedelta(days=1)}, listed(Report), False),
    ],
)
def test_simplejwt_is_told_as_it_is_set(
    kind: str, given: Any, patterns: Any, expected: bool, settings: Any, installed: Callable[..., None]
) -> None:
    installed("rest_framework_simplejwt.token_blacklist")
    settings.SIMPLE_JWT = given
    assert (kind in facts(settings, patterns)) is expected


def test_rotation_without_the_blacklist_app_is_none(settings: Any) -> None:
    settings.SIMPLE_JWT = ROTATED
    assert "refresh-reusable" in facts(settings, JWT)


# --- CORS ---

CORS = "corsheaders.middleware.CorsMiddleware"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"CORS_ALLOW_ALL_ORIGINS": True, "CORS_ALLOW_CREDENTIALS": True}, True),
        ({"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https?://.*$"], "CORS_ALLOW_CREDENTIALS": True}, True),
        ({"CORS_ALLOW_ALL_ORIGINS": True}, False),
        ({"CORS_ALLOW_CREDENTIALS": True}, False),
        ({"CORS_ALLOWED_ORIGINS": ["https://a.example"], "CORS_ALLOW_CREDENTIALS": True}, False),
        (
            {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://\w+\.example\.org$"], "CORS_ALLOW_CREDENTIALS": True},
            False,
        ),
    ],
)
def test_cors_for_every_origin_is_told_with_credentials_alone(
    given: Any, expected: bool, settings: Any
) -> None:
    for name, value in given.items():
        setattr(settings, name, value)
    assert "cors-any-origin" not in facts(settings, listed(Report)), "there is no such middleware"
    settings.MIDDLEWARE = [CORS, *settings.MIDDLEWARE]
    assert ("cors-any-origin" in facts(settings, listed(Report))) is expected


# --- token-forever ---


class Expiring(TokenAuthentication):
    def authenticate_credentials(self, key: str) -> Any:
        user, token = super().authenticate_credentials(key)
        return None if token.created < self.oldest() else (user, token)


class Bearer(TokenAuthentication):
    keyword = "Bearer"


class OtherTokens(TokenAuthentication):
    model = Doc


ObtainAuthToken = packaged("rest_framework.authtoken.views.ObtainAuthToken", Rest)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (authenticated_by(TokenAuthentication), True),
        (authenticated_by(Bearer), True),
        (authenticated_by(SessionAuthentication, TokenAuthentication), True),
        (login(ObtainAuthToken), True),
        (authenticated_by(Expiring), False),
        (authenticated_by(OtherTokens), False),
        (authenticated_by(KnoxAuthentication), False),
        (listed(Report), False),
    ],
)
def test_tokens_that_never_expire_are_told(
    patterns: Any, expected: bool, settings: Any, installed: Callable[..., None]
) -> None:
    assert "token-forever" not in facts(settings, patterns), "authtoken is not installed"
    installed("rest_framework.authtoken")
    assert ("token-forever" in facts(settings, patterns)) is expected


# --- tenant-unbound ---


@pytest.mark.parametrize(
    ("shared", "own", "patterns", "expected"),
    [
        (["oauth2_provider"], ["patients"], listed(Report), True),
        (["rest_framework.authtoken"], [], listed(Report), True),
        (["oauth2_provider.apps.DOTConfig"], [], listed(Report), True),
        ([], [], BY_JWT, True),
        (["oauth2_provider"], ["oauth2_provider"], listed(Report), False),
        ([], ["rest_framework.authtoken"], listed(Report), False),
        (["django.contrib.auth"], ["patients"], listed(Report), False),
        (["oauth2_provider_extras"], [], listed(Report), False),
    ],
)
def test_credentials_that_tenants_share_are_told(
    shared: Any, own: Any, patterns: Any, expected: bool, settings: Any, installed: Callable[..., None]
) -> None:
    settings.SHARED_APPS, settings.TENANT_APPS = shared, own
    assert "tenant-unbound" not in facts(settings, patterns), "there are no tenants"
    installed("django_tenants")
    assert ("tenant-unbound" in facts(settings, patterns)) is expected


def test_tables_that_tenants_share_are_closed_by_tables_of_their_own_and_not_by_a_name(
    settings: Any, installed: Callable[..., None]
) -> None:
    """TENANT tells our credentials apart; whoever reads a shared table of a package's goes on finding all of it."""
    settings.SHARED_APPS, settings.TENANT_APPS = ["oauth2_provider.apps.DOTConfig"], ["patients"]
    installed("django_tenants")
    write = facts(settings, listed(Report))["tenant-unbound"].write
    names: dict[str, Any] = {"STOCKADE": {}, "TENANT_APPS": ["patients"]}
    exec(write, names)
    assert names["TENANT_APPS"] == ["patients", "oauth2_provider.apps.DOTConfig"]
    settings.TENANT_APPS = names["TENANT_APPS"]
    assert "tenant-unbound" not in facts(settings, listed(Report))


def test_the_first_setting_of_a_project_with_tenants_tells_them_apart(
    settings: Any, installed: Callable[..., None]
) -> None:
    settings.SHARED_APPS, settings.TENANT_APPS = [], ["patients"]
    line = '    "TENANT": "stockade.tenant.django_tenants",'
    assert line not in project(settings, BY_JWT).next.splitlines()
    installed("django_tenants")
    assert line in project(settings, BY_JWT).next.splitlines()


def test_our_tables_are_told_to_be_there_once_before_they_are_noted_as_made(
    settings: Any, installed: Callable[..., None]
) -> None:
    """django-tenants notes the migrations of an app that is in neither list as done, and makes no table of it."""
    settings.SHARED_APPS, settings.TENANT_APPS = ["tenancy"], ["patients"]
    installed("django_tenants")
    names: dict[str, Any] = {"SHARED_APPS": ["tenancy"], "MIDDLEWARE": [], "REST_FRAMEWORK": {}}
    exec(project(settings, listed(Report)).next, names)
    assert names["SHARED_APPS"] == ["tenancy", "stockade"]
    settings.SHARED_APPS = names["SHARED_APPS"]
    assert "SHARED_APPS" not in project(settings, listed(Report)).next


# --- schemes: what a view without authenticators of its own is asked for ---


class InAddress(TokenAuthentication):
    def authenticate(self, request: Any) -> Any:
        key = request.query_params.get("key")
        return self.authenticate_credentials(key) if key else None


class Declared(Report):
    policy = Authenticated()


HERE = f"{__name__}."


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        ("rest_framework.authentication.BasicAuthentication", "basic-auth"),
        ("rest_framework.authentication.TokenAuthentication", "token-forever"),
        (f"{HERE}InAddress", "credential-in-query"),
        ("rest_framework_simplejwt.authentication.JWTAuthentication", "shared-key"),
    ],
)
def test_what_schemes_lets_in_is_told_when_the_views_name_no_authenticators_any_more(
    scheme: str, kind: str, settings: Any, installed: Callable[..., None]
) -> None:
    installed("rest_framework.authtoken")
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    settings.STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["null"]}}
    settings.SIMPLE_JWT = {}
    assert kind not in facts(settings, listed(Declared))
    settings.STOCKADE = {**settings.STOCKADE, "SCHEMES": [scheme]}
    assert facts(settings, listed(Declared))[kind].view == "settings"


def test_tokens_that_expire_are_none_that_never_do_wherever_they_are_named(
    settings: Any, installed: Callable[..., None]
) -> None:
    installed("rest_framework.authtoken")
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    settings.STOCKADE = {
        "STATE": "memory://", "EVENTS": {"SINKS": ["null"]}, "SCHEMES": [f"{HERE}Expiring"],
    }  # fmt: skip
    assert "token-forever" not in facts(settings, login(ObtainAuthToken))
    settings.STOCKADE = {**settings.STOCKADE, "SCHEMES": [f"{HERE}Bearer"]}
    assert "token-forever" in facts(settings, login(ObtainAuthToken))


def test_a_scheme_that_a_view_names_too_is_told_of_the_view(settings: Any) -> None:
    settings.MIDDLEWARE = ["stockade.web.Middleware", *settings.MIDDLEWARE]
    settings.STOCKADE = {
        "STATE": "memory://", "EVENTS": {"SINKS": ["null"]}, "UNDECLARED": "legacy",
        "SCHEMES": ["rest_framework.authentication.BasicAuthentication"],
    }  # fmt: skip
    found = project(settings, authenticated_by(BasicAuthentication)).facts
    assert [fact.view != "settings" for fact in found if fact.kind == "basic-auth"] == [True]
