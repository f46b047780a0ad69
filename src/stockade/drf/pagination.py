"""DRF's paginators with an upper bound for everything that a client may ask for, and 400 for what is beyond it."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination, LimitOffsetPagination, PageNumberPagination
from rest_framework.request import Request

PAGE_SIZE, MOST, FARTHEST = 100, 1000, 10_000


def whole(request: Request, name: str | None, low: int, high: int) -> int | None:
    """A number of the query string; None where it is not there.

    Raises:
        ValidationError: it is no whole number from `low` to `high`; the message says so.
    """
    said = request.query_params.get(name) if name else None
    if said is None:
        return None
    if not (said.isascii() and said.isdecimal() and len(said) <= 18 and low <= int(said) <= high):
        raise ValidationError({str(name): [f"Write a whole number from {low} to {high}."]})
    return int(said)


class BoundedPageNumberPagination(PageNumberPagination):
    """``?page=&page_size=``; `max_page_size` items at most."""

    page_size: int | None = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size: int | None = MOST

    def get_page_size(self, request: Request) -> int | None:
        """How many items a page has.

        Raises:
            ValidationError: the client asks for none, or for too many.
        """
        return whole(request, self.page_size_query_param, 1, self.max_page_size or MOST) or self.page_size


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


class BoundedCursorPagination(CursorPagination):
    """``?cursor=&page_size=``; `max_page_size` items at most."""

    page_size: int | None = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size: int | None = MOST

    def get_page_size(self, request: Request) -> Any:
        """How many items a page has.

        Raises:
            ValidationError: the client asks for none, or for too many.
        """
        return whole(request, self.page_size_query_param, 1, self.max_page_size or MOST) or self.page_size
