"""Keeps credentials out of error reports: Django's show the variables of every frame that an exception has passed."""

from __future__ import annotations

import traceback

from django.conf import settings

from stockade.core.errors import Refusal


def hide(error: BaseException) -> None:
    """Take the frames that `error` has passed so far off it, before it is raised again; a note says where it came from.

    `sensitive_variables` would cost each request a call, and hides nothing in a function that is decorated with other
    names further down, as Django's `authenticate` is. With DEBUG on, everything is shown, so nothing is hidden.
    """
    if settings.DEBUG or isinstance(error, Refusal):
        return
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        last = frames[-1]
        error.add_note(
            f"Raised in {last.filename}, line {last.lineno}, in {last.name}; frames hidden by Stockade."
        )
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        found.__traceback__ = None
        found = found.__cause__ or found.__context__
