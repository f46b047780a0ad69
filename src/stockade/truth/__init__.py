"""SQL is the truth and the state its copy: changes are announced before they commit, and repaired if a writer dies."""

from stockade.truth.bans import allow, ban, disallow, unban
from stockade.truth.change import changing, invalidate
from stockade.truth.loading import ensure_loaded, follow, on_world_change
from stockade.truth.reconciler import reconcile, reconcile_soon
from stockade.truth.sessions import end_sessions
from stockade.truth.signals import connect
from stockade.truth.tokens import end_tokens

__all__ = [
    "allow",
    "ban",
    "changing",
    "connect",
    "disallow",
    "end_sessions",
    "end_tokens",
    "ensure_loaded",
    "follow",
    "invalidate",
    "on_world_change",
    "reconcile",
    "reconcile_soon",
    "unban",
]
