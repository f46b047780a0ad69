"""How a limit is counted: pure functions over the bytes that a state keeps for one limit key.

A value is a header and a list of (slot, count) pairs, oldest first; the newest pair stands in the header, beside the
running total and the tick at which the oldest place comes free, so that the common case reads and writes the header
only. A slot is `limit.grain` microseconds wide: one microsecond up to N = 60, where this is a list of the admissions
themselves, and a sixtieth of the period above. A pair counts in full while any instant of its slot may still lie in a
window that ends now. So no window of length P ever holds more than N, and a place comes free late by at most one slot
(P/60, rounded up to whole microseconds slot by slot). Fixed windows admit 2 N in a window, and GCRA nearly as many.

A clock that steps back is held in the newest slot of the key: it can delay a place, never open one.
"""

from __future__ import annotations

import struct

from stockade.gate.protocol import Limit, shape_of

# Shape; places used; end of the newest slot; its count; tick at which the oldest comes free; N when last charged.
_HEAD = struct.Struct("<QIQIQI")
_READ = struct.Struct("<QIQIQ")  # all that charging has to know
_COUNT = struct.Struct("<I")
_PAIR = struct.Struct("<QI")
_SIZE = _HEAD.size
_STEP = _PAIR.size
_pack, _unpack = _HEAD.pack, _READ.unpack_from
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
    if value is not None:
        shape, total, end, top, free = _unpack(value)
        if shape == limit.shape:
            if now < end:  # in the newest slot, or the clock has stepped back: then held in it
                left = limit.count - total - cost
                if left >= 0 < cost:
                    return (
                        _pack(shape, total + cost, end, top + cost, free, limit.count) + value[_SIZE:],
                        left,
                        free - now,
                    )
                check_cost(cost)
                return None, max(0, left + cost), free - now
            return _later(value, limit, cost, now, total, end, top, free)
    if 0 < cost <= limit.count:
        grain = limit.grain
        slot = now // grain
        free = (slot + limit.span) * grain
        return (
            _pack(limit.shape, cost, (slot + 1) * grain, cost, free, limit.count),
            limit.count - cost,
            free - now,
        )
    check_cost(cost)
    return None, limit.count, 0


def _later(
    value: bytes, limit: Limit, cost: int, now: int, total: int, end: int, top: int, free: int
) -> tuple[bytes | None, int, int]:
    """`charge` in a slot after the newest: drops what has left the window. The last four are of the value's header."""
    grain, span = limit.grain, limit.span
    slot = now // grain
    newest = end // grain - 1
    start = _SIZE
    if free <= now:
        size = len(value)
        oldest = newest
        while start < size:
            oldest, gone = _unpack_pair(value, start)
            if oldest + span > slot:
                break
            total -= gone
            start += _STEP
        else:
            oldest = newest
            if newest + span <= slot:
                return charge(None, limit, cost, now)
        free = (oldest + span) * grain
    left = limit.count - total - cost
    if left >= 0 < cost:
        new = _pack(limit.shape, total + cost, (slot + 1) * grain, cost, free, limit.count)
        return new + value[start:] + _pack_pair(newest, top), left, free - now
    check_cost(cost)
    return None, max(0, left + cost), free - now


def told(value: bytes | None, limit: Limit, at: int) -> bytes | None:
    """Count one admission of which the state is told afterwards, and maybe after later ones.

    In whatever order they are told, nothing is refused of a caller who keeps to the limit. Of one who does not, a
    refusal may be missed, or another be refused than the last, as far as the order is not that of their times.

    Args:
        value: what the state holds for the key, or None.
        at: the tick at which it happened.

    Returns:
        The value to store; None: there was no place, store nothing.
    """
    if value is None:
        return charge(None, limit, 1, at)[0]
    shape, total, end, top, free = _unpack(value)
    grain, span = limit.grain, limit.span
    slot, newest = at // grain, end // grain - 1
    if shape != limit.shape or slot >= newest:
        return charge(value, limit, 1, at)[0]
    if slot + span <= newest:
        return value  # it has left every window that is still to come
    if total >= limit.count:
        return None
    pairs: dict[int, int] = dict(_PAIR.iter_unpack(value[_SIZE:]))
    pairs[slot] = pairs.get(slot, 0) + 1
    head = _pack(shape, total + 1, end, top, min(free, (slot + span) * grain), limit.count)
    return head + b"".join([_pack_pair(*pair) for pair in sorted(pairs.items())])


def check_cost(cost: int) -> None:
    """ValueError for a cost that would give places away."""
    if cost < 1:
        raise ValueError(f"A cost of {cost} is none: write 1 or more.")


def wait(value: bytes | None, limit: Limit, cost: int, now: int) -> int:
    """Microseconds until `cost` would be admitted if nobody else came; the period for a cost that never will be."""
    if cost > limit.count:
        return limit.period
    pairs = _live(value, limit, now)
    missing = sum(places for _, places in pairs) + cost - limit.count
    if missing > 0:
        for slot, places in pairs:
            missing -= places
            if missing <= 0:
                return (slot + limit.span) * limit.grain - now
    return 0


def standing(value: bytes | None, limit: Limit, now: int) -> tuple[int, int]:
    """Places left now, and microseconds until the oldest comes free, without charging."""
    pairs = _live(value, limit, now)
    left = limit.count - sum(places for _, places in pairs)
    return max(0, left), (pairs[0][0] + limit.span) * limit.grain - now if pairs else 0


def refund(value: bytes, limit: Limit, cost: int, at: int, now: int) -> bytes | None:
    """Give back up to `cost` places that were charged at `at`.

    Only the very slot of `at` is touched. A charge that has left the window, or was held by a clock stepping back, is
    not found, and nothing is given back: the error is toward fewer places.

    Returns:
        The value to store; None if nothing is left of it.
    """
    wanted = at // limit.grain
    kept = [
        (slot, places - min(cost, places) if slot == wanted else places)
        for slot, places in _live(value, limit, now)
    ]
    kept = [pair for pair in kept if pair[1]]
    if not kept:
        return None
    newest, top = kept[-1]
    grain = limit.grain
    total = sum(places for _, places in kept)
    head = _pack(
        limit.shape, total, (newest + 1) * grain, top, (kept[0][0] + limit.span) * grain, limit.count
    )
    return head + b"".join([_pack_pair(*pair) for pair in kept[:-1]])


def usage(value: bytes, now: int) -> tuple[int, int, int]:
    """Places used now, N when last charged, microseconds until the oldest comes free; for listings."""
    grain, span = shape_of(_unpack(value)[0])
    count = int(_COUNT.unpack_from(value, _SIZE - _COUNT.size)[0])
    pairs = _counting(value, grain, span, now)
    return sum(places for _, places in pairs), count, (pairs[0][0] + span) * grain - now if pairs else 0


def expiry(value: bytes) -> int:
    """The tick from which the value means nothing any more and may be swept."""
    shape, _, end, _, _ = _unpack(value)
    grain, span = shape_of(shape)
    return int(end + (span - 1) * grain)


def _live(value: bytes | None, limit: Limit, now: int) -> list[tuple[int, int]]:
    """The pairs that still count, oldest first; none of a value of another shape."""
    if value is None or _unpack(value)[0] != limit.shape:
        return []
    return _counting(value, limit.grain, limit.span, now)


def _counting(value: bytes, grain: int, span: int, now: int) -> list[tuple[int, int]]:
    _, _, end, top, _ = _unpack(value)
    newest = end // grain - 1
    slot = max(now // grain, newest)
    pairs: list[tuple[int, int]] = [*_PAIR.iter_unpack(value[_SIZE:]), (newest, top)]
    return [pair for pair in pairs if pair[0] + span > slot]
