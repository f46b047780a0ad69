"""The admin: sessions and tokens to end, bans to add and take away, lockouts to clear; keys and the log to read."""

from stockade.admin import credentials, lists, lockouts, log

__all__ = ["credentials", "lists", "lockouts", "log"]
