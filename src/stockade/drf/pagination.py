"""DRF's paginators with an upper bound for everything that a client may ask for, and 400 for what is beyond it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as FieldError
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination, LimitOffsetPagination, PageNumberPagination
from rest_framework.request import Request

PAGE_SIZE, MOST, FARTHEST = 100, 1000, 10_000
_PAGES = 10**9  # beyond them is nothing, which is 404 and not 400


def whole(request: Request, name: str | None, low: int, high: int, *, clamp: bool = False) -> int | None:
    """A number of the query string; None where it is not there.

    Args:
        request: with the query.
        name: of the parameter; None where there is none.
        low, high: the least and the most.
        clamp: whether more than the most is taken for the most, as DRF does.

    Raises:
        ValidationError: it is no whole number from `low` to `high`; the message says so.
    """
    said = request.query_params.getlist(name) if name else []
    if not said:
        return None
    digits = said[0] if len(said) == 1 and said[0].isascii() and said[0].isdecimal() else ""
    # Python reads no more than 4,300 digits, and no row has a number of 19.
    number = -1 if not digits else int(digits) if len(digits) <= 18 else high + 1
    if number < low or (number > high and not clamp):
        raise ValidationError({str(name): [f"Write a whole number from {low} to {high}."]})
    return min(number, high)


def described(parameters: list[dict[str, Any]], name: str | None, low: int, high: int | None) -> None:
    """Say in the OpenAPI document what a parameter may be.

    Args:
        parameters: as DRF's paginator describes them.
        name: of the parameter.
        low: the least.
        high: the most; None where more is taken for the most.
    """
    for parameter in parameters:
        if parameter["name"] == name:
            parameter["schema"]["minimum"] = low
            if high is not None:
                parameter["schema"]["maximum"] = high


class _Sized:
    """What paginators with a page size have in common.

    Attributes:
        clamp: whether a client that asks for too many gets `max_page_size` of them, as with DRF, and not 400.
    """

    page_size: int | None = PAGE_SIZE
    page_size_query_param: str | None = "page_size"
    max_page_size: int | None = MOST
    clamp = False

    def get_page_size(self, request: Request) -> int | None:
        """How many items a page has.

        Raises:
            ValidationError: the client asks for none, or for too many.
        """
        most = self.max_page_size or MOST
        return whole(request, self.page_size_query_param, 1, most, clamp=self.clamp) or self.page_size

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the OpenAPI document."""
        found: list[dict[str, Any]] = super().get_schema_operation_parameters(view)  # type: ignore[misc]
        described(found, self.page_size_query_param, 1, None if self.clamp else self.max_page_size or MOST)
        return found


class BoundedPageNumberPagination(_Sized, PageNumberPagination):
    """``?page=&page_size=``; `max_page_size` items at most."""

    def get_page_number(self, request: Request, paginator: Any) -> int | str:
        """Which page: a number, or a word for the last one.

        Raises:
            ValidationError: it is neither, or stands there twice, or is empty.
        """
        said = request.query_params.getlist(self.page_query_param)
        if len(said) == 1 and said[0] in self.last_page_strings:
            return int(paginator.num_pages)
        return whole(request, self.page_query_param, 1, _PAGES, clamp=True) or 1

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the OpenAPI document."""
        found = super().get_schema_operation_parameters(view)
        described(found, self.page_query_param, 1, None)
        return found


class BoundedLimitOffsetPagination(LimitOffsetPagination):
    """``?limit=&offset=``; `max_limit` items at most, nothing beyond `max_offset`: a database counts up to there."""

    default_limit: int | None = PAGE_SIZE
    max_limit: int | None = MOST
    max_offset: int = FARTHEST

    def get_limit(self, request: Request) -> int | None:
        """How many items.

        Raises:
            ValidationError: the client asks for none, or for too many.
        """
        return whole(request, self.limit_query_param, 1, self.max_limit or MOST) or self.default_limit

    def get_offset(self, request: Request) -> int:
        """After how many.

        Raises:
            ValidationError: the client asks for what is too far away.
        """
        return whole(request, self.offset_query_param, 0, self.max_offset) or 0

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the OpenAPI document."""
        found: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        described(found, self.limit_query_param, 1, self.max_limit or MOST)
        described(found, self.offset_query_param, 0, self.max_offset)
        return found


class BoundedCursorPagination(_Sized, CursorPagination):
    """``?cursor=&page_size=``; `max_page_size` items at most, and 404 for a cursor that none of our pages has."""

    _queryset: Any

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """The page."""
        self._queryset = queryset
        return super().paginate_queryset(queryset, request, view)

    def decode_cursor(self, request: Request) -> Any:
        """What a cursor says. A client may write one, and in it a position that is no value of the column.

        Raises:
            NotFound: so it is; DRF would fail at it.
        """
        found: Any = super().decode_cursor(request)
        if found is not None and found.position is not None:
            if "\0" in found.position:  # PostgreSQL takes none in text
                raise NotFound(self.invalid_cursor_message)
            try:
                self._queryset.filter(**{f"{self.ordering[0].lstrip('-')}__lt": found.position})
            except (TypeError, ValueError, FieldError):
                raise NotFound(self.invalid_cursor_message) from None
        return found
