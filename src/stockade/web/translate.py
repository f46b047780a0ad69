"""What an exception of Django's means as a refusal: data that no database takes is the client's, and no bug."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import DataError

from stockade.core.errors import BadRequest, Refusal


def refusal_of(error: Exception) -> Refusal | None:
    """The refusal that `error` is or means; None for anything else.

    A number beyond the column's range is a DataError to PostgreSQL and an OverflowError to SQLite; a text that is no
    UUID or date, given to `filter`, is a ValidationError of Django's.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, DataError) or (isinstance(error, OverflowError) and "SQLite" in str(error)):
        return BadRequest("A value is out of range.", code="invalid")
    if isinstance(error, ValidationError):
        fields = error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
        return BadRequest("The input is not valid.", code="invalid", errors=fields)
    return None
