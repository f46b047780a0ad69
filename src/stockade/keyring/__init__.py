"""The key ring: signing keys with ids, their states and rotation, and the public keys that others verify with."""

from stockade.keyring.life import KeyInfo, cache_control, ensure, listing, retire, rewrap, rotate
from stockade.keyring.ring import Ring, RingKey
from stockade.keyring.store import forget, generation, ring

__all__ = [
    "KeyInfo",
    "Ring",
    "RingKey",
    "cache_control",
    "ensure",
    "forget",
    "generation",
    "listing",
    "retire",
    "rewrap",
    "ring",
    "rotate",
]
