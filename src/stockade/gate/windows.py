"""How a limit is counted: pure functions over the bytes that a state keeps for one limit key.

A value is a header and a list of (slot, count) pairs, oldest first; the newest pair stands in the header, beside the
running total and the oldest slot, so that the common case reads and writes the header only. A slot is `limit.grain`
microseconds wide: one microsecond up to N = 60, where this is a list of the admissions themselves, and a sixtieth of
the period above. A pair counts in full while any instant of its slot may still lie in a window that ends now. So no
window of length P ever holds more than N, and a place comes free late by less than one slot (P/60, rounded up to
whole microseconds slot by slot, 60 at most). Fixed windows admit 2 N in a window and GCRA nearly as many.

A clock that steps back is held at the newest slot of the key: it can delay a place, never open one.
"""

from __future__ import annotations

import struct

from stockade.gate.protocol import Limit

_HEAD = struct.Struct(
    "<QQIIQIQ"
)  # grain, span, total, N when last charged, newest slot, its count, oldest slot
_PAIR = struct.Struct("<QI")
_SIZE = _HEAD.size
_STEP = _PAIR.size
_pack, _unpack = _HEAD.pack, _HEAD.unpack_from
_pack_pair, _unpack_pair = _PAIR.pack, _PAIR.unpack_from


def charge(value: bytes | None, limit: Limit, cost: int, now: int) -> tuple[bytes | None, int, int]:
    """Count `cost` admissions at `now`, if there are places.

    Args:
        value: what the state holds for the key, or None.
        cost: places to take, 1 or more; above N it is always refused.
        now: microseconds of `core.clock.ticks`.

    Returns:
        The value to store (None: refused, store nothing), places left, microseconds until the oldest comes free.

    Raises:
        ValueError: the cost is below 1 (it would give places away).
    """
    grain, span, count = limit.grain, limit.span, limit.count
    slot = now // grain
    if value is not None:
        was_grain, was_span, total, _, newest, top, oldest = _unpack(value)
        if was_grain == grain and was_span == span:
            if slot < newest:
                slot = newest
            start = _SIZE
            if oldest + span <= slot:
                end = len(value)
                while start < end:
                    oldest, gone = _unpack_pair(value, start)
                    if oldest + span > slot:
                        break
                    total -= gone
                    start += _STEP
                else:
                    oldest = newest
                    if newest + span <= slot:
                        total = 0
            if total:
                left = count - total
                if 0 < cost <= left:
                    if newest == slot:
                        new = (
                            _pack(grain, span, total + cost, count, slot, top + cost, oldest) + value[start:]
                        )
                    else:
                        new = (
                            _pack(grain, span, total + cost, count, slot, cost, oldest)
                            + value[start:]
                            + _pack_pair(newest, top)
                        )
                    return new, left - cost, (oldest + span) * grain - now
                if cost < 1:
                    raise ValueError("A cost is 1 or more.")
                return None, max(0, left), (oldest + span) * grain - now
    if 0 < cost <= count:
        return _pack(grain, span, cost, count, slot, cost, slot), count - cost, (slot + span) * grain - now
    if cost < 1:
        raise ValueError("A cost is 1 or more.")
    return None, count, 0


def wait(value: bytes | None, limit: Limit, cost: int, now: int) -> int:
    """Microseconds until `cost` would be admitted if nobody else came; the period for a cost that never will be."""
    if cost > limit.count:
        return limit.period
    if value is None:
        return 0
    _, total, pairs = _live(value, limit, now)
    missing = total + cost - limit.count
    if missing > 0:
        for slot, places in pairs:
            missing -= places
            if missing <= 0:
                return (slot + limit.span) * limit.grain - now
    return 0


def standing(value: bytes | None, limit: Limit, now: int) -> tuple[int, int]:
    """Places left now, and microseconds until the oldest comes free, without charging."""
    if value is None:
        return limit.count, 0
    _, total, pairs = _live(value, limit, now)
    return max(0, limit.count - total), (pairs[0][0] + limit.span) * limit.grain - now if pairs else 0


def refund(value: bytes, limit: Limit, cost: int, at: int, now: int) -> bytes | None:
    """Give back up to `cost` places that were charged at `at`.

    Only the very slot of `at` is touched. A charge that has left the window, or was held by a clock stepping back, is
    not found, and nothing is given back: the error is toward fewer places.

    Returns:
        The value to store; None if nothing is left of it.
    """
    if cost < 1:
        raise ValueError("A cost is 1 or more.")
    wanted = at // limit.grain
    _, _, pairs = _live(value, limit, now)
    kept = [(slot, places - min(cost, places) if slot == wanted else places) for slot, places in pairs]
    kept = [pair for pair in kept if pair[1]]
    if not kept:
        return None
    newest, top = kept[-1]
    total = sum(places for _, places in kept)
    head = _pack(limit.grain, limit.span, total, limit.count, newest, top, kept[0][0])
    return head + b"".join(_pack_pair(*pair) for pair in kept[:-1])


def usage(value: bytes, now: int) -> tuple[int, int, int]:
    """Places used now, N when last charged, microseconds until the oldest comes free; for listings."""
    grain, span, _, count, newest, _, _ = _unpack(value)
    slot = max(now // grain, newest)
    pairs = [pair for pair in _pairs(value) if pair[0] + span > slot]
    return sum(places for _, places in pairs), count, (pairs[0][0] + span) * grain - now if pairs else 0


def expiry(value: bytes) -> int:
    """The tick from which the value means nothing any more and may be swept."""
    grain, span, _, _, newest, _, _ = _unpack(value)
    return int((newest + span) * grain)


def _pairs(value: bytes) -> list[tuple[int, int]]:
    """Every (slot, count), oldest first."""
    pairs: list[tuple[int, int]] = list(_PAIR.iter_unpack(value[_SIZE:]))
    _, _, _, _, newest, top, _ = _unpack(value)
    pairs.append((newest, top))
    return pairs


def _live(value: bytes, limit: Limit, now: int) -> tuple[int, int, list[tuple[int, int]]]:
    """The present slot, the places used, and the pairs that still count; nothing for a value of another shape."""
    grain, span, _, _, newest, _, _ = _unpack(value)
    if grain != limit.grain or span != limit.span:
        return now // limit.grain, 0, []
    slot = max(now // grain, newest)
    pairs = [pair for pair in _pairs(value) if pair[0] + span > slot]
    return slot, sum(places for _, places in pairs), pairs
