"""What people write by mistake, or past what is offered, opens nothing that a policy closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from stockade.core.errors import ConfigurationError
from stockade.drf.mixins import PolicyMixin
from stockade.pipeline.declared import read
from stockade.policy import Nobody, Public


@pytest.fixture(autouse=True)
def odd_views(project: Any) -> None:
    project.ROOT_URLCONF = "tests.pipeline.odd_views"


# -- declarations ------------------------------------------------------------------------------------------------------


def test_a_second_method_of_an_actions_url_has_its_own_rule(
    anonymous: Client, alice: User, client_of: Callable[..., Client]
) -> None:
    assert anonymous.get("/mapped/box/").status_code == 200
    assert anonymous.delete("/mapped/box/").status_code == 401
    assert client_of(alice).delete("/mapped/box/").status_code == 403


def test_two_policies_for_one_action_stop_the_start_instead_of_the_wider_one_winning() -> None:
    class Torn(PolicyMixin, ViewSet):
        policy = {"empty": Nobody(), "list": Public()}

        def list(self, request: Request) -> Response:
            return Response([])

        @action(detail=False, policy=Public())
        def box(self, request: Request) -> Response:
            return Response("box")

        @box.mapping.delete
        def empty(self, request: Request) -> Response:
            return Response("emptied")

    view = Torn.as_view({"get": "box", "delete": "empty"}, policy=Public())
    with pytest.raises(ConfigurationError, match=r"E214: .*Torn declares two policies for empty"):
        read(view, {})


def test_a_rule_for_metadata_is_heeded(anonymous: Client) -> None:
    assert anonymous.get("/secretive/").status_code == 200
    assert anonymous.options("/secretive/").status_code == 403


def test_routes_written_by_hand_have_their_rules(anonymous: Client) -> None:
    assert anonymous.get("/byhand/").status_code == 200
    assert anonymous.post("/byhand/").status_code == 401


@pytest.mark.parametrize("what", ["limits", "cost"])
@pytest.mark.parametrize("key", ["creat", "post", "HEAD", "list,"])
def test_a_limit_for_nothing_stops_the_start_instead_of_limiting_nothing(what: str, key: str) -> None:
    class Slip(APIView):
        policy = Public()

        def get(self, request: Request) -> Response:
            return Response({})

    setattr(Slip, what, {key: "1/min" if what == "limits" else 2})
    with pytest.raises(ConfigurationError, match=rf"E213: .*Slip: {what} has the key"):
        read(Slip.as_view(), {})


def test_the_use_of_one_function_view_does_not_use_up_anothers_limit(anonymous: Client) -> None:
    assert [anonymous.get("/first/").status_code for _ in range(3)] == [200, 200, 429]
    assert anonymous.get("/second/").status_code == 200
