"""The few figures of a run that a page can show at a glance: each way in, beside stock parts that do the same."""

from __future__ import annotations

from typing import Any, Final

from bench.races import LIMIT, REDEMPTIONS, REQUESTS

# What is asked, the row of stock parts that comes nearest, and ours.
PAIRS: Final = (
    ("JWT, policies and limits, on one host", "guide-locmem", "stockade-lmdb"),
    ("the same, on many hosts, by Redis", "guide-redis", "stockade-redis"),
    ("opaque token", "knox", "stockade-lmdb-token"),
    ("API key", "drf-api-key", "stockade-lmdb-key"),
    ("session", "drf-session", "stockade-lmdb-session"),
    ("another issuer's JWT", "", "stockade-lmdb-external"),
    ("JWT, with DRF's own content negotiation", "", "stockade-lmdb-negotiating"),
    ("JWT that no worker has seen yet", "", "stockade-lmdb-cold"),
    ("observed only, without settings", "", "observed"),
)
_STOCK_RACE, _OUR_RACE = "race-guide-redis", "race-stockade-redis"


def markdown(document: dict[str, Any]) -> str:
    """The summary.

    Args:
        document: of `report.as_json`, of a run with all rows and races.

    Raises:
        LookupError: a row or a race is not in it.
    """
    rows = {row["name"]: row for row in document["rows"]}
    lines = [
        "| a request by | stock parts | Stockade | its SQL | its Redis trips |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for what, peer, ours in PAIRS:
        row = rows[ours]
        stock = f"{rows[peer]['ratio']:.2f} ({rows[peer]['title']})" if peer else ""
        lines.append(f"| {what} | {stock} | **{row['ratio']:.2f}** | {row['sql']:g} | {row['trips']:g} |")
    limits = {race["name"]: race["admitted"] for race in document["limits"]}
    refreshes = {race["name"]: race["distinct"] for race in document["refreshes"]}
    facts = document["facts"]
    races = (
        f"Of {REQUESTS} requests at once through a limit of {LIMIT} stock parts on Redis admitted up to "
        f"{max(limits[_STOCK_RACE])}, Stockade {max(limits[_OUR_RACE])}. Of {REDEMPTIONS} redemptions of one "
        f"refresh token at once up to {max(refreshes[_STOCK_RACE])} gave a new token of their own; with "
        f"Stockade {max(refreshes[_OUR_RACE])}."
    )
    foot = f"`{facts['command']}`, {facts['date']}, {facts['machine']}."
    return "\n".join(["Times the median of a bare DRF view:", "", *lines, "", races, "", foot, ""])
