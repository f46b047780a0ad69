"""`stockade issuers`: whether other issuers' keys can be had, and who of theirs is which user here."""

from __future__ import annotations

from typing import Annotated

import typer

from stockade.cli.output import FORMAT, WRONG_USE, Format, fail, listing
from stockade.cli.project import find_user, load_project

app = typer.Typer(
    help="Other issuers (ISSUERS): check their keys, link their people to users.", no_args_is_help=True
)
_NAME = typer.Argument(metavar="NAME", help="The name in ISSUERS.")
_SUBJECT = typer.Argument(
    metavar="SUBJECT", help="The `sub` of the tokens, letter by letter; the log names unknown ones."
)


@app.command("list")
def list_issuers(format: Annotated[Format, FORMAT] = Format.TEXT) -> None:
    """The issuers of the settings, and when some worker has fetched their keys last."""
    load_project()
    from stockade import conf
    from stockade.core import clock
    from stockade.models import ExternalIdentity, IssuerKeys
    from stockade.schemes.external import links
    from stockade.schemes.external.conf import ExternalSettings

    using = links.database()
    fetched = dict(IssuerKeys.objects.using(using).values_list("issuer", "fetched_at"))
    identities = ExternalIdentity.objects.using(using)
    rows = []
    for name, entry in conf.load(ExternalSettings).issuers.items():
        at = fetched.get(entry.issuer)
        rows.append(
            {
                "name": name,
                "issuer": entry.issuer,
                "user": entry.user,
                "links": identities.filter(issuer=entry.issuer).count(),
                "keys_age": round(clock.now() - at.timestamp()) if at is not None else None,
            }
        )
    listing(rows, ("name", "issuer", "user", "links", "keys_age"), format, empty="ISSUERS names none.")


@app.command("check")
def check(
    name: Annotated[str, _NAME],
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Fetch an issuer's keys now, from this host, and list those that verify its tokens. Changes nothing."""
    load_project()
    from stockade.schemes.external import links
    from stockade.schemes.external.discovery import jwks_of
    from stockade.schemes.external.fetching import FetchFailed
    from stockade.schemes.external.jwks import Unusable, parse

    try:
        entry = links.entry(name)
    except ValueError as error:
        fail(str(error), WRONG_USE)
    try:
        keys = parse(jwks_of(entry), entry)
    except (FetchFailed, Unusable) as error:
        where = entry.jwks_url or entry.discovery_url
        fail(f"{name}: {_WHY.get(error.reason, error.reason)} ({error.reason}; {where}).")
    rows = (
        {"kid": key.kid, "algorithms": " ".join(sorted(key.algorithms)), "thumbprint": key.thumbprint}
        for key in keys.values()
    )
    listing(rows, ("kid", "algorithms", "thumbprint"), format, empty="No keys.")


_WHY = {
    "timeout": "it did not answer within TIMEOUT",
    "certificate": "its certificate is not trusted here; a private authority goes into SSL_CERT_FILE",
    "tls": "no TLS connection",
    "name": "its name is not known here",
    "connection": "no connection, or no HTTP",
    "redirect": "it answers with a redirect, which is not followed: write the address that it leads to",
    "content_type": "the answer is no JSON: is that the address of the keys?",
    "another_issuer": "its discovery document names another issuer: write that one as ISSUER, letter by letter",
    "jwks_uri": "its discovery document names no https:// address of keys",
    "no_jwks": "the answer is no JWKS",
    "no_usable_key": "none of its keys is one for ALGORITHMS",
}


@app.command("links")
def list_links(
    user: Annotated[str | None, typer.Option("--user", help="Username or primary key.")] = None,
    issuer: Annotated[str | None, typer.Option("--issuer", help="A name in ISSUERS.")] = None,
    format: Annotated[Format, FORMAT] = Format.TEXT,
) -> None:
    """Who of an issuer is which user here, newest first."""
    load_project()
    from stockade import conf
    from stockade.core import tenant
    from stockade.models import ExternalIdentity
    from stockade.schemes.external import links
    from stockade.schemes.external.conf import ExternalSettings

    known = conf.load(ExternalSettings).by_issuer
    found = ExternalIdentity.objects.using(links.database()).filter(tenant=tenant.now())
    if user is not None:
        found = found.filter(user=find_user(user))
    if issuer is not None:
        try:
            found = found.filter(issuer=links.entry(issuer).issuer)
        except ValueError as error:
            fail(str(error), WRONG_USE)
    rows = (
        {
            "issuer": known[row.issuer].name if row.issuer in known else row.issuer,
            "subject": row.subject,
            "user": row.user.get_username(),
            "origin": row.origin,
            "created_at": row.created_at,
            "not_before": row.not_before,
        }
        for row in found.select_related("user").order_by("-created_at", "pk").iterator()
    )
    columns = ("issuer", "subject", "user", "origin", "created_at", "not_before")
    listing(rows, columns, format, empty="No links.")


@app.command("link")
def link(
    name: Annotated[str, _NAME],
    subject: Annotated[str, _SUBJECT],
    user: Annotated[str, typer.Option("--user", help="Username or primary key.")],
) -> None:
    """Have the tokens of somebody of an issuer stand for a user."""
    load_project()
    from stockade.schemes.external import link as make

    found = find_user(user)
    try:
        make(found, name, subject, reason="command")
    except ValueError as error:
        fail(str(error), WRONG_USE)
    typer.echo(f"Linked to {found.get_username()}.")


@app.command("unlink")
def unlink(name: Annotated[str, _NAME], subject: Annotated[str, _SUBJECT]) -> None:
    """Have them stand for nobody, from the next request on."""
    load_project()
    from stockade.schemes.external import unlink as take

    try:
        gone = take(name, subject)
    except ValueError as error:
        fail(str(error), WRONG_USE)
    if not gone:
        fail("There is no such link; `stockade issuers links` shows them.")
    typer.echo("Unlinked.")
