"""What Stockade keeps in SQL: the truth that the shared state only copies."""

from __future__ import annotations

from stockade.models.identities import ExternalIdentity
from stockade.models.imports import ImportedToken, ImportedUser, TokenImport, WrappedPassword
from stockade.models.keys import IssuerKeys, SigningKey
from stockade.models.lists import ListEntry, Lockout
from stockade.models.log import SecurityEvent
from stockade.models.sessions import Session, SessionData
from stockade.models.standing import Epoch, KnownAddress
from stockade.models.tokens import OpaqueToken

__all__ = [
    "Epoch",
    "ExternalIdentity",
    "ImportedToken",
    "ImportedUser",
    "IssuerKeys",
    "KnownAddress",
    "ListEntry",
    "Lockout",
    "OpaqueToken",
    "SecurityEvent",
    "Session",
    "SessionData",
    "SigningKey",
    "TokenImport",
    "WrappedPassword",
]
