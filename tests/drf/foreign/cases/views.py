"""What the project of the cases serves."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest, JsonResponse
from knox.views import LogoutView
from oauth2_provider.contrib.rest_framework import IsAuthenticatedOrTokenHasScope, TokenHasScope
from rest_framework.authentication import TokenAuthentication
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stockade.demo.articles.models import Article
from stockade.policy import Authenticated, Owner, Public, Role, Scope
from stockade.web import protect

seen: list[dict[str, Any]] = []  # what views were given, as objects


def _note(user: Any, auth: Any, exchange: Any, **more: Any) -> dict[str, Any]:
    seen.append({"user": user, "auth": auth, "principal": exchange.principal, **more})
    principal = exchange.principal
    return {
        "kind": principal.kind.value,
        "subject": principal.subject,
        "roles": sorted(principal.roles),
        "scheme": principal.credential.scheme if principal.credential else "",
    }


class Who(APIView):
    policy = Authenticated()

    def get(self, request: Request) -> Response:
        authenticator = request.successful_authenticator
        return Response(
            _note(
                request.user, request.auth, request._request.stockade, authenticator=authenticator,
                private=(getattr(request, "_user", None), getattr(request, "_auth", None)),
            )
        )  # fmt: skip

    post = get


class Forms(Who):
    parser_classes = [FormParser, MultiPartParser, JSONParser]

    def post(self, request: Request) -> Response:
        return Response({"data": dict(request.data.items()), "files": sorted(request.FILES)})


class Anyone(Who):
    policy = Public()


class Editors(Who):
    policy = Role("Editors")


class Readers(Who):
    policy = Authenticated() & Scope("read")


class Writers(Who):
    policy = Authenticated() & Scope("write")


class Scoped(Who):
    """As it was before: its own permission decides, and asks for the class of the authenticator."""

    policy = Public()
    permission_classes = [IsAuthenticatedOrTokenHasScope]
    required_scopes: ClassVar[list[str]] = ["write"]


class TokenScoped(Scoped):
    permission_classes = [TokenHasScope]
    required_scopes: ClassVar[list[str]] = ["read"]


class KnoxLogout(LogoutView):  # type: ignore[misc]
    policy = Authenticated()


class OldLogin(APIView):
    """Without a policy, as a package brings it: nobody is looked at."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        return Response({"user": str(request.user), "auth": request.auth is not None})


class OldTokens(OldLogin):
    """Without a policy: it keeps to one way."""

    authentication_classes = (TokenAuthentication,)  # type: ignore[assignment]


@protect(policy=Authenticated())
def plain(request: HttpRequest) -> JsonResponse:
    return JsonResponse(_note(request.user, request.auth, request.stockade))  # type: ignore[attr-defined]


@protect(policy=Authenticated())
async def later(request: HttpRequest) -> JsonResponse:
    user = await request.auser()
    return JsonResponse(_note(user, request.auth, request.stockade))  # type: ignore[attr-defined]


@protect(policy=Owner("author"))
def mine(request: HttpRequest) -> JsonResponse:
    found = request.stockade.visible(Article.objects.all())  # type: ignore[attr-defined]
    return JsonResponse({"titles": sorted(found.values_list("title", flat=True))})


def exempt(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"exempt": True})
