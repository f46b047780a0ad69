"""The document's words for our own credential views: how they refuse, and what their classes do not say."""

from __future__ import annotations

from typing import Any, NamedTuple

from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view

from stockade.conf import load
from stockade.drf.views import api_keys, browser, opaque, session, sessions, tokens
from stockade.edge import csrf
from stockade.schemes.attempts import FAILED_AUTH, SESSION_REFRESH
from stockade.schemes.conf import SchemeSettings
from stockade.schemes.jwt import cookie
from stockade.schemes.opaque import API_KEY, TOKEN

REFRESH_COOKIE = "refreshCookie"
_OBTAIN = (tokens.TokenObtainPairView, browser.BrowserObtainView, opaque.TokenAuthView)
_NOT_HIS = "Nobody is logged in, or the password is not his."
_NO_ACCOUNT = "No active account has this name and password."
_STEP_UP = (tokens.TokenStepUpView, browser.BrowserStepUpView)
_REFRESH = (tokens.TokenRefreshView, browser.BrowserRefreshView)

# The names of their classes are short, and a project may have a SessionSerializer of its own.
_SERIALIZERS = (
    tokens.ObtainSerializer, tokens.RefreshSerializer, tokens.VerifySerializer, tokens.RevokeSerializer,
    tokens.StepUpSerializer, browser.BrowserStepUpSerializer,
    browser.BrowserObtainSerializer, browser.BrowserRefreshSerializer, browser.BrowserRevokeSerializer,
    session.SessionLoginSerializer, session.SessionTokenSerializer, session.SessionStepUpSerializer,
    session.SessionLogoutSerializer,
    sessions.SessionSerializer, opaque.TokenAuthSerializer, opaque.TokenSerializer, opaque.NewTokenSerializer,
    api_keys.KeySerializer, api_keys.MadeKeySerializer, api_keys.NewKeySerializer, api_keys.RotationSerializer,
)  # fmt: skip
for _serializer in _SERIALIZERS:
    set_override(_serializer, "component_name", f"Stockade{_serializer.__name__.removesuffix('Serializer')}")


class Own(NamedTuple):
    """A view whose body or cookie is the credential.

    Args:
        failed: what its 401 means; "" where it has none.
        limits: which count at it.
        page: whether only a page that may use the cookie is answered.
        cookie: whether the cookie is the credential.
        forms: whether it takes forms, but those of pages that the project does not know.
    """

    failed: str
    limits: tuple[str, ...]
    page: bool
    cookie: bool
    forms: bool


def own_of(cls: Any) -> Own | None:
    """What is to be said of a view's class; None where it is no such view."""
    if isinstance(cls, type) and issubclass(cls, session.SessionStepUpView):
        return Own(_NOT_HIS, ("login", "login_address"), page=True, cookie=False, forms=False)
    if isinstance(cls, type) and issubclass(cls, session.SessionLoginView):
        return Own(_NO_ACCOUNT, ("login", "login_address"), page=True, cookie=False, forms=False)
    if not isinstance(cls, type) or not issubclass(cls, tokens.TokenView):
        return None
    page, forms = issubclass(cls, browser.BrowserView), issubclass(cls, tokens.BodyView)
    if issubclass(cls, _OBTAIN):
        return Own(_NO_ACCOUNT, ("login", "login_address"), page, cookie=False, forms=forms)
    if issubclass(cls, _STEP_UP):
        failed = "The token does not hold, there is none, or the password is wrong."
        return Own(failed, (FAILED_AUTH, SESSION_REFRESH, "login", "login_address"), page, page, forms)
    limits = (FAILED_AUTH, SESSION_REFRESH) if issubclass(cls, _REFRESH) else (FAILED_AUTH,)
    failed = (
        "" if issubclass(cls, browser.BrowserRevokeView) else "The token does not hold, or there is none."
    )
    return Own(failed, limits, page, cookie=page, forms=forms)


def cookie_definition() -> dict[str, Any]:
    """The refresh cookie as a security scheme."""
    return {
        "type": "apiKey",
        "in": "cookie",
        "name": cookie.names()[0],
        "description": "The refresh token of a browser, with a second cookie that it is bound to; browsers send it, "
        "no script reads it.",
    }


def _derived(target: type[Any]) -> Any:
    """A class of one's own to annotate: the view itself is left as it is."""
    kept = {name: getattr(target, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(target.__name__, (target,), kept)


class BrowserViews(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Not there without REFRESH_COOKIE, and only for pages that say so."""

    target_class = "stockade.drf.views.browser.BrowserView"
    match_subclasses = True
    priority = -1

    def view_replacement(self) -> Any:
        """The same view, left out or with the header."""
        view = _derived(self.target)
        if not cookie.enabled():
            return extend_schema(exclude=True)(view)
        if issubclass(self.target, browser.BrowserRevokeView):
            view = extend_schema_view(post=extend_schema(responses={204: None}))(view)
        page = OpenApiParameter(
            csrf.HEADER,
            location=OpenApiParameter.HEADER,
            required=True,
            enum=["1"],
            description="Says that a script of a page sent this, not a form; Origin must be a page's that may.",
        )
        return extend_schema(parameters=[page])(view)


class Revoke(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Answers nothing."""

    target_class = "stockade.drf.views.tokens.TokenRevokeView"
    match_subclasses = True
    priority = -1

    def view_replacement(self) -> Any:
        """The same view with its 204."""
        return extend_schema_view(post=extend_schema(responses={204: None}))(_derived(self.target))


class Sessions(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Two DELETEs on sessions would get one name."""

    target_class = "stockade.drf.views.sessions.SessionListView"
    match_subclasses = True
    priority = -1

    def view_replacement(self) -> Any:
        """The same view: a list, and its DELETE named for what it does."""
        return extend_schema_view(
            get=extend_schema(responses=sessions.SessionSerializer(many=True)),
            delete=extend_schema(operation_id="sessions_end_others"),
        )(_derived(self.target))


class BrowserSessions(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Not there unless SCHEMES names "session"."""

    target_class = "stockade.drf.views.session.BrowserSessionView"
    match_subclasses = True
    priority = -1

    def view_replacement(self) -> Any:
        """The same view, or none."""
        view = _derived(self.target)
        if not takes("session"):
            return extend_schema(exclude=True)(view)
        if issubclass(self.target, session.SessionLogoutView):
            return extend_schema_view(post=extend_schema(responses={204: None}))(view)
        return view


class TokenAuth(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Not there unless SCHEMES names "token"."""

    target_class = "stockade.drf.views.opaque.TokenAuthView"
    match_subclasses = True
    priority = -1

    def view_replacement(self) -> Any:
        """The same view, or none."""
        view = _derived(self.target)
        return view if takes(TOKEN.kind) else extend_schema(exclude=True)(view)


class Tokens(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """A list that is no page of models, and what is answered when a token is made."""

    target_class = "stockade.drf.views.opaque.OwnTokensView"
    match_subclasses = True
    priority = -1

    def view_replacement(self) -> Any:
        """The same view with its answers, or none."""
        view = _derived(self.target)
        if not takes(TOKEN.kind):
            return extend_schema(exclude=True)(view)
        if issubclass(self.target, opaque.TokenListView):
            return extend_schema_view(
                get=extend_schema(responses=opaque.TokenSerializer(many=True)),
                post=extend_schema(responses={201: opaque.NewTokenSerializer}),
            )(view)
        return extend_schema_view(delete=extend_schema(responses={204: None}))(view)


class Keys(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """As with tokens."""

    target_class = "stockade.drf.views.api_keys.KeysView"
    match_subclasses = True
    priority = -1

    def view_replacement(self) -> Any:
        """The same view with its answers, or none."""
        view = _derived(self.target)
        if not takes(API_KEY.kind):
            return extend_schema(exclude=True)(view)
        made = extend_schema(responses={201: api_keys.MadeKeySerializer})
        if issubclass(self.target, api_keys.KeyListView):
            listed = extend_schema(responses=api_keys.KeySerializer(many=True))
            return extend_schema_view(get=listed, post=made)(view)
        if issubclass(self.target, api_keys.KeyRotationView):
            return extend_schema_view(post=made)(view)
        return extend_schema_view(delete=extend_schema(responses={204: None}))(view)


def takes(kind: str) -> bool:
    """Whether SCHEMES names one of ours."""
    return kind in load(SchemeSettings).schemes
