"""What an exception of Django's means as a refusal: odd data is the client's, a caller who is gone is none."""

from __future__ import annotations

from types import TracebackType

from django.core.exceptions import ValidationError
from django.db import DatabaseError, DataError, InterfaceError

from stockade.core.errors import BadRequest, InvalidCredential, Refusal, Unavailable
from stockade.database import is_passing
from stockade.schemes.deferral import is_gone

_SQLITE_LIMITS = (
    "Expression tree is too large", "LIKE or GLOB pattern too complex", "datatype mismatch", "parser stack overflow",
    "string or blob too big", "too many SQL variables", "too many terms in compound SELECT",
)  # fmt: skip


def refusal_of(error: Exception) -> Refusal | None:
    """The refusal that `error` is or means; None for anything else.

    A number beyond the column's range is a DataError to PostgreSQL and an OverflowError to SQLite; a text that is no
    UUID or date, given to `filter`, is a ValidationError of Django's. A caller whose row was deleted by raw SQL is
    known to a worker for a while yet; the first touch of `request.user` finds out. A database that restarts, or a
    transaction that was overtaken by another (REPEATABLE READ, a deadlock), is nobody's fault and passes.
    """
    if isinstance(error, Refusal):
        return error
    if is_gone(error):
        return InvalidCredential(reason="gone")
    if isinstance(error, DataError) or (isinstance(error, OverflowError) and "SQLite" in str(error)):
        return BadRequest("A value is out of range.", code="invalid")
    if isinstance(error, ValidationError):
        fields = error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
        return BadRequest("The input is not valid.", code="invalid", errors=fields)
    if isinstance(error, DatabaseError) and _asks_too_much(error):
        return BadRequest("The request asks for too much at once.", code="too_much")
    if isinstance(error, DatabaseError | InterfaceError) and is_passing(error):
        return Unavailable("The database is busy. Try again shortly.", reason="database")
    if isinstance(error, RecursionError) and _in_json(error.__traceback__):
        return BadRequest("The JSON is nested too deeply.", code="parse_error")
    return None


def _asks_too_much(error: DatabaseError) -> bool:
    """Whether a query was refused for its size: a thousand words in ``?search=``, a limit beyond every integer.

    SQLite says so in words alone (https://sqlite.org/limits.html), PostgreSQL by the class 54 of its codes.
    """
    if str(error).startswith(_SQLITE_LIMITS):
        return True
    return str(getattr(error.__cause__, "sqlstate", "")).startswith("54")


def _in_json(traceback: TracebackType | None) -> bool:
    """Whether it was raised in Python's own reader of JSON, by what a client has sent."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and traceback.tb_frame.f_globals.get("__name__") == "json.decoder"
