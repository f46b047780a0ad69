"""`stockade webhooks`: sign a message as a sender would, and say of one whether it holds and why not."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from stockade.cli.output import FINDINGS, FORMAT, WRONG_USE, Format, fail, listing
from stockade.cli.project import load_project

app = typer.Typer(help="Signed messages: sign, verify, list the sources.", no_args_is_help=True)

_BODY = typer.Argument(metavar="FILE", help="With the very bytes of the body; - for standard input.")
_SECRET = typer.Option(
    "--secret-name",
    metavar="NAME",
    help="The name of a secret, as stockade.vault finds it; then SOURCE is a preset. May be repeated.",
)
_URL = typer.Option("--url", help="The whole URL, for presets that sign it (Twilio).")
_TYPE = typer.Option("--content-type", help="Of the body.")


@app.command("sign")
def sign(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A name in WEBHOOKS, or a preset.")],
    body: Annotated[str, _BODY] = "-",
    secret_name: Annotated[list[str] | None, _SECRET] = None,
    id: Annotated[str | None, typer.Option("--id", help="Of the message; else a new one.")] = None,
    time: Annotated[int | None, typer.Option("--time", help="Seconds since 1970; else now.")] = None,
    url: Annotated[str, _URL] = "",
    content_type: Annotated[str, _TYPE] = "application/x-www-form-urlencoded",
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Print the headers that a message gets, one a line: `curl -H @FILE` reads them so."""
    load_project()
    from stockade.webhooks import signing

    try:
        headers = signing.sign(
            source,
            _read(body),
            secrets=_secrets(source, secret_name),
            id=id,
            time=time,
            url=url,
            content_type=content_type,
        )
    except ValueError as error:
        fail(str(error), WRONG_USE)
    if format is Format.JSON:
        rows = [{"header": name, "value": value} for name, value in headers.items()]
        listing(rows, ("header", "value"), format, empty="")
        return
    for name, value in headers.items():
        typer.echo(f"{name}: {value}")


@app.command("verify")
def verify(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A name in WEBHOOKS, or a preset.")],
    body: Annotated[str, _BODY] = "-",
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="May be repeated.")
    ] = None,
    secret_name: Annotated[list[str] | None, _SECRET] = None,
    url: Annotated[str, _URL] = "",
    at: Annotated[
        int | None, typer.Option("--at", metavar="SECONDS", help="Judge its time as if it were then.")
    ] = None,
) -> None:
    """Say whether a message holds; exit status 1 and the reason if it does not. It is not remembered."""
    load_project()
    from stockade.core import clock
    from stockade.core.errors import Refusal
    from stockade.webhooks import verifying

    headers = dict(_header(text) for text in header or ())
    if at is not None:
        clock.shift(at - clock.now())
    try:
        message = verifying.verify(
            source, _read(body), headers, secrets=_secrets(source, secret_name), url=url
        )
    except Refusal as refusal:
        fail(f"It does not hold: {refusal.reason}. {_EXPLAINED.get(refusal.reason, '')}".rstrip(), FINDINGS)
    except ValueError as error:
        fail(str(error), WRONG_USE)
    finally:
        if at is not None:
            clock.unshift()
    parts = [f"preset {message.preset}", f"{len(message.body)} bytes"]
    if message.id:
        parts.append(f"id {message.label}")
    if message.time is not None:
        parts.append(f"signed at {message.time}")
    typer.echo(f"It holds: {', '.join(parts)}.")


@app.command("list")
def list_sources(format: Annotated[Format, FORMAT] = Format.TEXT) -> None:
    """The sources of WEBHOOKS: what each signs, and what freshness that can promise."""
    load_project()
    from stockade.conf import load
    from stockade.webhooks.conf import WebhookSettings

    columns = (
        "source",
        "preset",
        "secrets",
        "tolerance",
        "remember",
        "once",
        "max_body",
        "signs",
        "freshness",
    )
    rows: Iterable[dict[str, Any]] = (
        {
            "source": one.name,
            "preset": one.preset.name,
            "secrets": len(one.secrets()),
            "tolerance": f"{one.tolerance:g}",
            "remember": f"{one.remember:g}",
            "once": one.once,
            "max_body": one.max_body,
            "signs": one.preset.signs,
            "freshness": one.preset.freshness,
        }
        for one in load(WebhookSettings).sources.values()
    )
    listing(rows, columns, format, empty="WEBHOOKS has no source.")


_EXPLAINED = {
    "signature": "The body is not byte for byte what was signed, or the secret is another one.",
    "no_signature": "Give its signature by --header.",
    "signature_format": "The signature's header cannot be read.",
    "too_many_signatures": "It has more signatures than any sender has secrets.",
    "unknown_version": "It has a signature of none of the kinds that the preset knows.",
    "expired": "Its time is too long ago; --at judges it as of then.",
    "in_the_future": "Its time is still to come: is a clock wrong?",
    "no_time": "Give its time by --header.",
    "time_format": "Its time is no whole number of seconds since 1970.",
    "no_id": "Give its id by --header.",
    "id_format": "Its id has a space, the character that ends it, more than 256 characters, or is not ASCII.",
    "no_url": "Give the URL by --url: this preset signs it.",
    "body": "The body is neither a form nor of the SHA-256 that the URL has. Is its Content-Type there, by --header?",
}


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        fail(f"{name} cannot be read: {error.strerror}.", WRONG_USE)


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    if not separator or not name.strip():
        fail(f"{text!r} is no header. Write 'NAME: VALUE'.", WRONG_USE)
    return name.strip(), value.strip()


def _secrets(source: str, names: list[str] | None) -> list[str] | None:
    """By name, never by value: what stands on a command line every process of the machine can read."""
    from stockade.conf import load
    from stockade.vault import secret
    from stockade.webhooks.conf import WebhookSettings
    from stockade.webhooks.presets import PRESETS

    if names:
        return [secret(name, min_length=0) for name in names]
    if source in PRESETS and source not in load(WebhookSettings).sources:
        fail(
            f"{source} is a preset, and no source of WEBHOOKS: name its secret by --secret-name, or add it there.",
            WRONG_USE,
        )
    return None
