"""The ring: an immutable picture of the keys at one moment, from which everything is signed and verified."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn, Protocol

from stockade.keyring.material import Key, Material
from stockade.keyring.wrapping import derive
from stockade.models import SigningKey

State = SigningKey.State
EXPIRED: Final = "expired"  # the last token that a key signed has run out; only its MACs are still of use
FOREVER: Final = float("inf")


class RingKey(NamedTuple):
    """A key as its users get it.

    Args:
        kid: its id.
        algorithm: the only one that it may be used with (RFC 8725 section 3.1).
        key: for joserfc; public from `Ring.verifier`, private from `Ring.signer`.
    """

    kid: str
    algorithm: str
    key: Key

    def __repr__(self) -> str:
        return f"RingKey({self.kid!r}, {self.algorithm!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a RingKey is not pickled: it may hold a private key")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row, unwrapped. Times are seconds since the epoch.

    Args:
        state: as the row has it; what it means depends on the time, see `phases`.
        signs_from: when a published key begins to sign.
        stopped: when another took over; None until that is written down.
        verifies_until: when the last token that it signed has run out; None until it is written down that it stopped.
        lifetime: seconds that a token which it signed is good for at most.
        max_age: seconds that others may keep a JWKS for which it is the newest key.
        margin: seconds that are added to its waits.
        material: None if it could not be unwrapped, which only an expired key may.
    """

    kid: str
    algorithm: str
    state: str
    created: float
    signs_from: float
    stopped: float | None
    verifies_until: float | None
    lifetime: int
    max_age: int
    margin: float
    material: Material | None = field(repr=False)

    @property
    def rank(self) -> tuple[float, float, str]:
        """Orders the keys that may sign: the last one does."""
        return (self.signs_from, self.created, self.kid)


class Source(Protocol):
    """Where a ring turns with what it does not know."""

    def again(self, ring: Ring) -> Ring:
        """A newer ring if there is one to be had cheaply, else the same."""
        ...

    def signing(self, lifetime: float) -> Ring:
        """A ring whose signing key may sign tokens that are good for `lifetime` seconds; made if there is none."""
        ...


class Phase(NamedTuple):
    """What a key is at some moment. Times are seconds since the epoch.

    Args:
        state: published, signing, verifying or expired.
        stops: when it signs no more; None while no other key is to take over.
        ends: when it verifies nothing any more; None as long.
    """

    state: str
    stops: float | None = None
    ends: float | None = None


class Ring:
    """The keys at one moment.

    States follow from the rows and the clock, so that all workers agree without anybody writing: see `phases`.

    Args:
        entries: all rows that are neither retired nor revoked.
        now: seconds since the epoch.
        source: asked for what this ring lacks.

    Attributes:
        version: changes whenever a key, a state or the end of a key does; the same in all processes that see the same.
        since, until: seconds since the epoch between which this picture holds.
        max_age: seconds that others have been told at most to keep a JWKS as it is now.
    """

    __slots__ = (
        "_ends",
        "_entries",
        "_lifetime",
        "_macs",
        "_signer",
        "_source",
        "_states",
        "_verifiers",
        "max_age",
        "since",
        "until",
        "version",
    )

    def __init__(self, entries: Iterable[Entry], now: float, source: Source) -> None:
        self._entries = tuple(sorted(entries, key=lambda entry: entry.rank, reverse=True))
        self._source = source
        found = phases(self._entries, now)
        self._states = {kid: phase.state for kid, phase in found.items()}
        self._macs: dict[tuple[str, bytes], bytes] = {}
        self._signer: RingKey | None = None
        self._lifetime = -1
        self._verifiers: dict[str, RingKey] = {}
        for entry in self._entries:
            state, material = self._states[entry.kid], entry.material
            if material is None or state == EXPIRED:
                continue
            self._verifiers[entry.kid] = RingKey(entry.kid, entry.algorithm, material.public)
            if state == State.SIGNING:
                self._signer = RingKey(entry.kid, entry.algorithm, material.private)
                self._lifetime = entry.lifetime
        self.max_age = next((entry.max_age for entry in self._entries if _alive(found[entry.kid])), 0)
        moments = [e.signs_from for e in self._entries]
        moments += [phase.ends for phase in found.values() if phase.ends is not None]
        self.since = max((t for t in moments if t <= now), default=-FOREVER)
        self.until = min((t for t in moments if t > now), default=FOREVER)
        self._ends = {
            kid: phase.ends
            for kid, phase in found.items()
            if phase.ends is not None and phase.state != State.SIGNING
        }
        listed = "".join(f"{kid} {state} {self.end(kid)}\n" for kid, state in sorted(self._states.items()))
        self.version = int.from_bytes(hashlib.sha256(listed.encode()).digest()[:8], "big")

    def __repr__(self) -> str:
        return f"<Ring {self.version:016x}: {len(self._verifiers)} keys>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Ring is not pickled: it holds private keys")

    def at(self, now: float) -> Ring:
        """The same keys at another moment."""
        return Ring(self._entries, now, self._source)

    def signer(self, lifetime: float = 0) -> RingKey:
        """The key to sign with. If there is none, one is made: the first ring of a deployment.

        Args:
            lifetime: seconds that what is to be signed is good for. The key's row keeps the longest: for so long the
                key verifies after it has stopped signing. Name it outside of a transaction that holds locks, for a
                longer one than before is written down.

        Raises:
            ConfigurationError: the settings do not allow one.
        """
        if self._signer is not None and lifetime <= self._lifetime:
            return self._signer
        found = self._source.signing(lifetime)._signer
        if found is None:  # pragma: no cover - `signing` promises one
            raise RuntimeError("The ring has no signing key.")
        return found

    def verifier(self, kid: object) -> RingKey | None:
        """The key that verifies what says it was signed by `kid`; None if nothing may be believed of it.

        A key verifies from its publication until the last token that it signed has run out; a revoked one does not. A
        kid that is not known makes the ring be read again, at most once a second a process.
        """
        if not isinstance(kid, str):
            return None
        found = self._verifiers.get(kid)
        return self._source.again(self)._verifiers.get(kid) if found is None and plausible(kid) else found

    def end(self, kid: str) -> float:
        """When a key verifies nothing any more, in seconds since the epoch; inf while nobody knows."""
        return self._ends.get(kid, FOREVER)

    def mac(self, kid: str, purpose: bytes, message: bytes) -> bytes | None:
        """HMAC-SHA256 of `message` by the MAC secret of `kid`; None if that key is retired, revoked or unknown.

        Compare with `hmac.compare_digest`. A key makes MACs until it is retired: what they protect has times of its own
        (a session's row), and would else end with every rotation.

        Args:
            kid: the key's id.
            purpose: a constant that names the use; each has its own key (RFC 5869).
            message: what is authenticated.
        """
        key = self._mac_key(kid, purpose)
        if key is None and plausible(kid):
            key = self._source.again(self)._mac_key(kid, purpose)
        return None if key is None else hmac.digest(key, message, "sha256")

    def _mac_key(self, kid: str, purpose: bytes) -> bytes | None:
        found = self._macs.get((kid, purpose))
        if found is None:
            material = next((e.material for e in self._entries if e.kid == kid), None)
            if material is None:
                return None
            found = derive(material.mac, b"stockade.keyring.mac.1\0" + purpose)
            self._macs[kid, purpose] = found
        return found

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys that verify now (RFC 7517 section 5), newest first. Symmetric keys are never among them."""
        keys = [e.material.public_jwk for e in self._entries if e.material and self._states[e.kid] != EXPIRED]
        return {"keys": [dict(jwk) for jwk in keys if jwk]}

    def states(self) -> dict[str, str]:
        """The state of each key that is neither retired nor revoked: published, signing, verifying or expired."""
        return dict(self._states)


def phases(entries: Iterable[Entry], now: float) -> dict[str, Phase]:
    """What each key is at `now`.

    Of the keys whose time has come the newest signs. Each of the others has stopped when the next one in line began,
    and verifies for as long as a token may live that it signed last.
    """
    found: dict[str, Phase] = {}
    signing = False
    successor: float | None = None
    for entry in sorted(entries, key=lambda entry: entry.rank, reverse=True):
        if entry.state == State.VERIFYING:
            found[entry.kid] = _stopped(now, entry.stopped, entry.verifies_until)
            continue
        stops = successor
        ends = None if stops is None else stops + entry.lifetime + entry.margin
        # A row that says "signing" was written by a host whose clock had come so far: all hosts follow it.
        if entry.state == State.PUBLISHED and entry.signs_from > now:
            found[entry.kid] = Phase(State.PUBLISHED.value, stops, ends)
        elif not signing:
            found[entry.kid] = Phase(State.SIGNING.value, stops, ends)
            signing = True
        else:
            found[entry.kid] = _stopped(now, stops, ends)
        successor = entry.signs_from
    return found


def _stopped(now: float, stops: float | None, ends: float | None) -> Phase:
    over = ends is not None and ends <= now
    return Phase(EXPIRED if over else State.VERIFYING.value, stops, ends)


def longest_kept(entries: Iterable[Entry], found: Mapping[str, Phase]) -> int:
    """Seconds that others may keep a JWKS without a further key: so long it is published before it signs.

    Each row tells of the time when it was the newest. What was kept before the signing key was published has run out,
    for that key has waited for it.
    """
    return max((entry.max_age for entry in entries if _alive(found[entry.kid])), default=0)


def _alive(phase: Phase) -> bool:
    return phase.state in (State.PUBLISHED, State.SIGNING)


def plausible(kid: str) -> bool:
    """Whether `kid` could be one of ours: 43 characters of base64url, as a thumbprint and 32 random bytes have."""
    return len(kid) == 43 and kid.isascii() and kid.replace("-", "a").replace("_", "a").isalnum()
