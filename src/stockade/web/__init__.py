"""The web floor: the middleware that every request passes, and `protect` for plain views."""

from stockade.web.decorators import protect
from stockade.web.middleware import Middleware

__all__ = ["Middleware", "protect"]
