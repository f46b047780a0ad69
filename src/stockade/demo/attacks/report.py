"""Runs every attack on both servers and says what happened: as a table, as plain text, or as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from stockade.demo.attacks import drafts, floods, foreign, forge, tokens
from stockade.demo.attacks.client import AttackError, Target
from stockade.demo.attacks.outcome import Attack, Outcome

ATTACKS: tuple[Attack, ...] = (
    Attack("refresh_race", f"A stolen refresh token, used {tokens.TIMES} times at once", tokens.refresh_race),
    Attack(
        "refresh_theft", "A stolen refresh token, used on after its owner came back", tokens.refresh_theft
    ),
    Attack("after_logout", "An access token, used on after logout", tokens.after_logout),
    Attack("forged", "Forged access tokens", forge.forged),
    Attack("foreign", "Another issuer's tokens, forged or saying too much", foreign.foreign),
    Attack("draft_by_id", "Another user's draft, by id", drafts.by_id),
    Attack("draft_by_list", "Another user's drafts, by list, count and filter", drafts.by_list),
    # After those above, because who is over a limit is refused whatever she shows.
    Attack("limit", f"A limit, met by {floods.REQUESTS} requests at once", floods.limit),
    # Last, because what stops them holds for a while: strangers to an account that is being guessed are kept out.
    Attack("guess", f"A password, guessed {floods.GUESSES} times at once", floods.guess_at_once),
    Attack(
        "guess_addresses",
        f"A password, guessed from {floods.MORE_GUESSES} addresses",
        floods.guess_from_many_addresses,
    ),
    Attack(
        "guess_forwarded", "A password, guessed behind invented proxies", floods.guess_behind_invented_proxies
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One attack and its outcome on each target, in the order of the targets."""

    attack: Attack
    outcomes: tuple[Outcome, ...]


def run(targets: Sequence[Target], progress: Callable[[str], None] = lambda text: None) -> list[Row]:
    """Carry out all attacks, one after the other, so that none takes processor time from another.

    Args:
        targets: what is attacked; the first one is judged.
        progress: is told what is being done.
    """
    rows = []
    for attack in ATTACKS:
        outcomes = []
        for target in targets:
            progress(f"{attack.title} ({target.name})")
            began = time.monotonic()
            try:
                outcome = attack.run(target)
            except AttackError as error:
                # A server that refuses everybody has stopped nothing.
                outcome = Outcome(False, f"not carried out: {error}")
            outcome.numbers["milliseconds"] = round((time.monotonic() - began) * 1000)
            outcomes.append(outcome)
        rows.append(Row(attack, tuple(outcomes)))
    return rows


def stopped(rows: Sequence[Row], which: int = 0) -> int:
    """How many attacks the target `which` has stopped."""
    return sum(row.outcomes[which].stopped for row in rows)


def as_json(rows: Sequence[Row], targets: Sequence[Target], about: dict[str, object]) -> str:
    """Everything that was measured."""
    attacks = [
        {
            "id": row.attack.id,
            "title": row.attack.title,
            **{target.name: asdict(outcome) for target, outcome in zip(targets, row.outcomes, strict=True)},
        }
        for row in rows
    ]
    totals = {target.name: stopped(rows, index) for index, target in enumerate(targets)}
    return json.dumps({**about, "attacks": attacks, "stopped": totals, "of": len(rows)}, indent=2)


def as_text(rows: Sequence[Row], titles: Sequence[str]) -> str:
    """A plain table for a pipe: columns wide enough for what is in them."""
    lines = [("attack", *titles)]
    lines += [(row.attack.title, *(_words(outcome) for outcome in row.outcomes)) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def notes(rows: Sequence[Row], titles: Sequence[str]) -> list[str]:
    """What was admitted by name, one sentence for each target and attack that has names."""
    found = []
    for row in rows:
        for title, outcome in zip(titles, row.outcomes, strict=True):
            names = outcome.numbers.get("admitted")
            if isinstance(names, list) and names:
                found.append(f"{row.attack.title}, admitted by {title}: {'; '.join(names)}.")
    return found


def _words(outcome: Outcome) -> str:
    return f"{'stopped' if outcome.stopped else 'THROUGH'}: {outcome.result}"


def show(rows: Sequence[Row], titles: Sequence[str]) -> None:
    """The table on a terminal, in colour."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title_justify="left", show_lines=False, pad_edge=False, header_style="bold")
    for title in ("attack", *titles):
        table.add_column(title, ratio=1)
    for row in rows:
        cells = [
            Text.assemble(
                ("✓ " if outcome.stopped else "✗ ", "bold green" if outcome.stopped else "bold red"),
                outcome.result,
            )
            for outcome in row.outcomes
        ]
        table.add_row(row.attack.title, *cells)
    Console().print(table)
