"""`stockade demo --attack`: both servers side by side, attacked, and a table of what happened."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys

from stockade.demo import launch, options as chosen, run
from stockade.demo.accounts import LINKED
from stockade.demo.attacks import report
from stockade.demo.attacks.client import Partner, Target
from stockade.demo.attacks.forge import signing, with_mac
from stockade.demo.config import ISSUER_KEY, Config
from stockade.demo.issuer.signing import Signer
from stockade.demo.mint import Mint, minting
from stockade.demo.options import Options
from stockade.gate.rates import parse

WORKERS = 4
# The same terms for both: what the guide writes for strangers, and a limit of 100 for the flood to meet.
LIMITS = {"anon": "50/day", "user": "100/min"}
LOGIN = "5/min"
TITLES = ("Stockade", "stock parts")


def attack(options: Options, format: str) -> int:
    """Run all attacks; 0 if Stockade has stopped every one, else 1."""
    chosen.require("rest_framework_simplejwt", "corsheaders")
    limits = {**LIMITS, "login": LOGIN, **options.limits}
    options = dataclasses.replace(
        options, host="127.0.0.1", limits=limits, workers=options.workers or WORKERS
    )
    with run.Stoppable(), run.folder() as where, contextlib.ExitStack() as running:
        progress = running.enter_context(run.progress(options))
        progress("starting both servers")
        config = run.make(
            options,
            where,
            port=launch.free_port(options.host),
            twin_port=launch.free_port(options.host),
            twin_limits={name: limits[name] for name in LIMITS},
        )
        run.start(config, options, running)
        targets = _targets(config, running.enter_context(minting(config)))
        rows = report.run(targets, progress)
        running.close()
        _show(rows, targets, config, format)
        return 0 if report.stopped(rows) == len(rows) else 1
    return 1


def _targets(config: Config, mint: Mint) -> tuple[Target, Target]:
    user = parse("user", config.limits["user"]).count
    partner = _partner(config)
    ours = Target(
        "stockade",
        config.base_url,
        config.passwords,
        parse("login", config.limits["login"]).count,
        user,
        mint,
        api=config.base_url,
        partner=partner,
    )
    secret = config.twin_secret_key.encode()
    # The twin has one limit for all that strangers do, logins included.
    anon = parse("anon", config.twin_limits["anon"]).count
    twin = Target(
        "twin",
        config.twin_url,
        config.passwords,
        anon,
        user,
        lambda header, claims: with_mac({**header, "alg": "HS256"}, claims, secret),
        api=config.base_url,
        partner=partner,
    )
    return ours, twin


def _partner(config: Config) -> Partner:
    """The other company's issuer, with the key that its server signs with."""
    text = (config.folder / ISSUER_KEY).read_text()
    public = Signer(config.issuer_url, text).public()
    return Partner(config.issuer_url, next(iter(LINKED)), public, signing(json.loads(text)))


def _show(rows: list[report.Row], targets: tuple[Target, ...], config: Config, format: str) -> None:
    engine = str(config.database["ENGINE"]).rpartition(".")[2]
    if format == "json":
        about: dict[str, object] = {"workers": config.workers, "database": engine, "limits": config.limits}
        sys.stdout.write(report.as_json(rows, targets, about) + "\n")
        return
    if sys.stdout.isatty():
        report.show(rows, TITLES)
    else:
        sys.stdout.write(report.as_text(rows, TITLES) + "\n")
    for note in report.notes(rows, TITLES):
        sys.stdout.write(note + "\n")
    ours, twins = report.stopped(rows, 0), report.stopped(rows, 1)
    sys.stdout.write(
        f"Stockade stopped {ours} of {len(rows)} attacks, the stock parts {twins}; "
        f"{config.workers} workers each, {engine}, measured just now.\n"
    )
