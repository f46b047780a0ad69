"""The key ring: signing keys with ids, their states and rotation, and the public keys that others verify with."""

from stockade.keyring.life import (
    Turn,
    cache_control,
    ensure,
    rewrap,
    rotate,
    rotate_if_due,
    wrapped_with_another,
)
from stockade.keyring.listing import KeyInfo, listing
from stockade.keyring.needs import StillNeeded, is_gone
from stockade.keyring.retirement import retire
from stockade.keyring.ring import Ring, RingKey
from stockade.keyring.store import forget, generation, ring

__all__ = [
    "KeyInfo",
    "Ring",
    "RingKey",
    "StillNeeded",
    "Turn",
    "cache_control",
    "ensure",
    "forget",
    "generation",
    "is_gone",
    "listing",
    "retire",
    "rewrap",
    "ring",
    "rotate",
    "rotate_if_due",
    "wrapped_with_another",
]
