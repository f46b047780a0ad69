"""Text that becomes code is found with its file and line, also in what a view calls; nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core import serializers as django_serializers
from django.db import connection
from django.db.models.expressions import RawSQL
from django.forms.models import model_to_dict
from django.http import HttpResponse
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from tests.drf.survey.asking import facts, listed
from tests.drf.survey.common import Docs, Generic, Rest
from tests.drf.survey.test_access import asks
from tests.policy_app.models import Doc

TABLE = "policy_app_doc"


def search(word: str) -> list[Doc]:
    return list(Doc.objects.raw("SELECT * FROM policy_app_doc WHERE title = '%s'" % word))  # noqa: UP031


class Raw(Rest):
    def get(self, request: Request) -> Response:
        return Response(
            [doc.pk for doc in Doc.objects.raw(f"SELECT * FROM {TABLE} WHERE title = '{request.GET['q']}'")]
        )


class Cursor(Rest):
    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 WHERE 'x' = '" + request.GET["q"] + "'")
            return Response(cursor.fetchall())


class Formatted(Rest):
    def get(self, request: Request) -> Response:
        query = "SELECT 1"
        query += " ORDER BY {}".format(request.GET["q"])
        with connection.cursor() as cursor:
            cursor.execute(query)
            return Response(cursor.fetchall())


class Elsewhere(Rest):
    def get(self, request: Request) -> Response:
        return Response([doc.pk for doc in search(request.GET["q"])])


class Extra(Generic, ListAPIView[Doc]):
    def get_queryset(self) -> Any:
        return Doc.objects.all().extra(where=[f"title = '{self.request.GET['q']}'"])


class Expression(Generic, ListAPIView[Doc]):
    def get_queryset(self) -> Any:
        return Doc.objects.annotate(x=RawSQL("rank + %s" % self.request.GET["q"], []))  # noqa: UP031


class Apart(Rest):
    """SQL that is written here, its values apart."""

    def get(self, request: Request) -> Response:
        query = "SELECT * FROM policy_app_doc "
        known = f"SELECT count(*) FROM {TABLE} WHERE title = %s"
        with connection.cursor() as cursor:
            cursor.execute(known, [request.GET["q"]])
        list(Doc.objects.raw(query + "WHERE title = %s", [request.GET["q"]]))
        executor = request.GET.get("raw", "")
        return Response([executor, Doc.objects.annotate(x=RawSQL("rank + %s", [1])).count()])


class Marked(Rest):
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(mark_safe("<b>" + request.GET["q"] + "</b>"))


class Pattern(Rest):
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(format_html(f"<b>{request.GET['q']}</b>"))


class HtmlSerializer(serializers.ModelSerializer[Doc]):
    bold = serializers.SerializerMethodField()

    class Meta:
        model = Doc
        fields = ("id", "bold")

    def get_bold(self, doc: Doc) -> str:
        return mark_safe(f"<b>{doc.title}</b>")


class Escaped(Rest):
    def get(self, request: Request) -> HttpResponse:
        rule = mark_safe("<hr>")
        return HttpResponse(
            format_html("<b>{}</b>{}{}", request.GET["q"], rule, mark_safe(escape(request.GET["q"])))
        )


class Dump(Rest):
    def get(self, request: Request) -> Response:
        return Response(list(Doc.objects.filter(published=True).values()))


class Dict(Rest):
    def get(self, request: Request) -> Response:
        return Response(model_to_dict(Doc.objects.all()[0]))


class Serialized(Rest):
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(django_serializers.serialize("json", Doc.objects.all()))


class Chosen(Rest):
    def get(self, request: Request) -> Response:
        counts = {"a": 1}
        return Response(
            [*Doc.objects.values("id", "title"), *counts.values(), model_to_dict(Doc(), fields=["title"])]
        )


class AllSerializer(serializers.ModelSerializer[Doc]):
    class Meta:
        model = Doc
        fields = "__all__"


Html = type("Html", (Docs,), {"serializer_class": HtmlSerializer})


@pytest.mark.parametrize(
    ("kind", "patterns", "expected"),
    [
        *asks(
            "raw-sql",
            found={name.__name__: listed(name) for name in (Raw, Cursor, Formatted, Elsewhere, Extra, Expression)},
            missed={"values apart": listed(Apart), "none": listed(Chosen)},
        ),
        *asks(
            "raw-html",
            found={
                "mark_safe": listed(Marked),
                "format_html": listed(Pattern),
                "a serializer's method": listed(Html.as_view({"get": "list"})),
            },
            missed={"escaped": listed(Escaped)},
        ),
        *asks(
            "raw-output",
            found={"values": listed(Dump), "model_to_dict": listed(Dict), "serialize": listed(Serialized)},
            missed={"chosen": listed(Chosen)},
        ),
        *asks(
            "all-fields",
            found={"__all__": listed(type("Whole", (Generic, ListAPIView), {"serializer_class": AllSerializer}))},
            missed={"named": listed(type("Named", (Generic, ListAPIView), {}))},
        ),
    ],
)  # fmt: skip
def test_it_is_found_and_not_invented(settings: Any, kind: str, patterns: Any, expected: bool) -> None:
    assert (kind in facts(settings, patterns)) is expected


def test_the_place_is_the_line_that_does_it(settings: Any) -> None:
    fact = facts(settings, listed(Elsewhere))["raw-sql"]
    lines = Path(__file__).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "def search" in text) + 1
    assert fact.where.endswith(f"test_sinks.py:{line}")
    assert fact.view.endswith("Elsewhere")
