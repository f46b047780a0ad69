"""The web floor: the middleware that every request passes, `protect` and `signed` for plain views."""

from stockade.web.decorators import protect, signed
from stockade.web.middleware import Middleware

__all__ = ["Middleware", "protect", "signed"]
