"""What the edge refuses by number: never anything that the project's own limits would have admitted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flood:
    """How many requests without a credential one network may send.

    The one limit of ours that a proxy can know the key of is ``anon``: at most `count` in any window of `seconds`, by
    address. nginx keeps a leaky bucket, of `rate` a second and `burst` at once. Whoever keeps ``anon`` never fills it:

    - The requests that we admit in a stretch of t seconds are at most count x (t // seconds + 1).
    - They may have waited between nginx and us, so nginx may have seen those of one more window in that stretch, if
      none waited longer than a window: count x (t // seconds + 2), which is at most 2 x count + t x count / seconds.

    So a burst of 2 x count and a rate of count / seconds, rounded up, suffice. The rate is at least one a second, for
    those who have used up their limit and go on asking at a sensible pace: they are to hear it from us, with our
    headers, and come back the moment we let them.

    Args:
        count: of the limit ``anon``.
        seconds: its period.
        credentials: names of headers; a request with any of them is not counted here.
        unlimited: regular expressions (PCRE) of paths that ``anon`` does not count either.
    """

    count: int
    seconds: float
    credentials: tuple[str, ...]
    unlimited: tuple[str, ...] = ()

    @property
    def rate(self) -> int:
        """Requests a second. nginx takes whole numbers, and would round those a minute down."""
        return max(1, -int(-self.count // self.seconds))

    @property
    def burst(self) -> int:
        """Requests at once."""
        return 2 * self.count
