"""`stockade proxy`: the configuration of nginx or Caddy that stands in front, made from the project's settings."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.cli.output import WRONG_USE, fail
from stockade.cli.project import load_project

if TYPE_CHECKING:
    from stockade.edge.proxy.flood import Flood
    from stockade.edge.proxy.fronts import Front
    from stockade.edge.proxy.plan import Static
    from stockade.pipeline.registry import Registry


class Program(str, Enum):  # noqa: UP042 - typer reads the values of a str enum
    """What can stand in front."""

    NGINX = "nginx"
    CADDY = "caddy"


Domains = Annotated[
    list[str] | None,
    typer.Option("--domain", metavar="NAME", help="A name that clients use; repeat it. Else ALLOWED_HOSTS."),
]
Upstreams = Annotated[
    list[str] | None,
    typer.Option(
        "--upstream",
        metavar="PLACE",
        help="127.0.0.1:8000 (default) or unix:/run/myproject/app.sock; repeat it.",
    ),
]
Profile = Annotated[str, typer.Option("--tls", metavar="PROFILE", help="Mozilla's: intermediate or modern.")]
Certificate = Annotated[
    str | None, typer.Option("--certificate", metavar="PATH", help="The certificate with its chain.")
]
Key = Annotated[str | None, typer.Option("--key", metavar="PATH", help="Its private key.")]
Body = Annotated[
    str | None,
    typer.Option(
        "--max-body", metavar="SIZE", help="Of a request, e.g. 1m. Else DATA_UPLOAD_MAX_MEMORY_SIZE."
    ),
]
SecretFile = Annotated[
    str | None,
    typer.Option("--secret-file", metavar="PATH", help="What shows PROXY_SECRET to the application."),
]
StaticFolder = Annotated[
    str | None,
    typer.Option(
        "--static", metavar="FOLDER", help='Serve STATIC_URL from here. Else STATIC_ROOT; "" for nothing.'
    ),
]
Mtls = Annotated[
    str | None,
    typer.Option("--mtls", metavar="CA", help="Clients must show a certificate of this authority."),
]
MtlsOptional = Annotated[bool, typer.Option("--mtls-optional", help="With --mtls: they may.")]
Cloudflare = Annotated[bool, typer.Option("--cloudflare", help="Only Cloudflare connects, and is believed.")]
Alb = Annotated[
    list[str] | None,
    typer.Option(
        "--alb",
        metavar="SUBNET",
        help="Only an AWS load balancer in this subnet connects, and is believed; repeat it.",
    ),
]
Addresses = Annotated[
    Path | None,
    typer.Option(
        "--addresses", metavar="FILE", help="With --cloudflare: its networks, instead of those shipped."
    ),
]
OriginPull = Annotated[
    str | None,
    typer.Option(
        "--origin-pull", metavar="CA", help="With --cloudflare: it must show a certificate of this authority."
    ),
]
Connections = Annotated[
    int,
    typer.Option(
        "--connections", metavar="N", min=0, help="At once from one network; 0: any number. nginx only."
    ),
]
Watchers = Annotated[
    list[str] | None,
    typer.Option(
        "--watcher", metavar="CIDR", help="Who may ask the probes; repeat it. Else this host alone."
    ),
]
Listens = Annotated[
    list[str] | None, typer.Option("--listen", metavar="[ADDRESS:]PORT", help="For TLS; repeat it. Else 443.")
]
ListensPlain = Annotated[
    list[str] | None,
    typer.Option("--listen-plain", metavar="[ADDRESS:]PORT", help="Without TLS; repeat it. Else 80."),
]
Logs = Annotated[str | None, typer.Option("--logs", metavar="FOLDER", help="Of the access log.")]


def proxy(
    program: Annotated[Program, typer.Argument(help="nginx or caddy")],
    domain: Domains = None,
    upstream: Upstreams = None,
    tls: Profile = "intermediate",
    certificate: Certificate = None,
    key: Key = None,
    max_body: Body = None,
    secret_file: SecretFile = None,
    static: StaticFolder = None,
    mtls: Mtls = None,
    mtls_optional: MtlsOptional = False,
    cloudflare: Cloudflare = False,
    alb: Alb = None,
    addresses: Addresses = None,
    origin_pull: OriginPull = None,
    connections: Connections = 0,
    watcher: Watchers = None,
    listen: Listens = None,
    listen_plain: ListensPlain = None,
    logs: Logs = None,
) -> None:
    """Print the configuration of what stands in front: for nginx's http block, or a Caddyfile.

    It agrees with the project's settings: make it anew when they change. It holds no secret.
    """
    load_project()
    from stockade import conf
    from stockade.edge.conf import HeaderSettings
    from stockade.edge.headers import django_settings, hsts_value, prepare
    from stockade.edge.proxy import caddy, fronts, nginx, plan as plans
    from stockade.pipeline import registry as registries
    from stockade.pipeline.uncounted import paths

    registry = registries.current()
    if registry is None:
        fail(
            'There is no STOCKADE setting: nothing to agree with. Write STOCKADE = {"STATE": "lmdb://"}.',
            WRONG_USE,
        )
    headers = conf.load(HeaderSettings)
    store = prepare(headers, django_settings()).stores[False, False]
    found = paths(registry)
    flood, why = _flood(registry, found.unlimited)
    try:
        if connections and program is Program.CADDY:
            raise ValueError("--connections: Caddy does not count connections. Leave it out, or use nginx.")
        if mtls_optional and not mtls:
            raise ValueError("--mtls-optional: name the authority with --mtls.")
        names = tuple(dict.fromkeys(plans.domain(one) for one in domain or _allowed()))
        if not names:
            raise ValueError("--domain: ALLOWED_HOSTS names no host. Write --domain api.example.org.")
        own, own_key = _certificate(program, names[0], certificate, key)
        plan = plans.Plan(
            domains=names,
            upstreams=tuple(dict.fromkeys(plans.upstream(one) for one in upstream or ["127.0.0.1:8000"])),
            tls=plans.profile(tls),
            certificate=own,
            key=own_key,
            headers=tuple(store[name] for name in sorted(store)),
            hsts=hsts_value(django_settings()) if headers.hsts else "",
            max_body=_body(max_body),
            secret_file=_secret_file(program, registry, secret_file),
            static=_static(static),
            mutual=plans.Mutual(plans.path(mtls), not mtls_optional) if mtls else None,
            front=_front(cloudflare, alb, addresses, origin_pull),
            flood=flood,
            uncounted=why,
            connections=connections,
            probes=found.probes,
            watchers=fronts.networks(watcher or ["127.0.0.1", "::1"]),
            listen=tuple(plans.listen(one) for one in listen or ["443"]),
            listen_plain=tuple(plans.listen(one) for one in listen_plain or ["80"]),
            logs=plans.path(logs or f"/var/log/{program.value}").rstrip("/"),
        )
    except ValueError as error:
        fail(str(error), WRONG_USE)
    render = nginx.render if program is Program.NGINX else caddy.render
    typer.echo(render(plan, f"stockade proxy {program.value}"), nl=False)


def _allowed() -> list[str]:
    """The names of ALLOWED_HOSTS that are one host each."""
    from django.conf import settings

    from stockade.core.address import parse

    return [
        host
        for host in settings.ALLOWED_HOSTS
        if "*" not in host and host[:1] not in ".[" and not parse(host)
    ]


def _certificate(program: Program, domain: str, certificate: str | None, key: str | None) -> tuple[str, str]:
    from stockade.edge.proxy.plan import path

    if (certificate is None) != (key is None):
        raise ValueError("Write --certificate and --key, or neither.")
    if certificate is not None and key is not None:
        return path(certificate), path(key)
    if program is Program.CADDY:
        return "", ""
    return f"/etc/nginx/tls/{domain}.pem", f"/etc/nginx/tls/{domain}.key"


def _body(size: str | None) -> int:
    from django.conf import settings

    from stockade.edge.proxy import plan

    if size is not None:
        return plan.size(size)
    if settings.DATA_UPLOAD_MAX_MEMORY_SIZE is None:
        raise ValueError(
            "--max-body: DATA_UPLOAD_MAX_MEMORY_SIZE is None. Write --max-body 1m, or how much it may be."
        )
    return plan.size(str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE))


def _secret_file(program: Program, registry: Registry, given: str | None) -> str:
    from stockade.edge.proxy.plan import path

    if given is None and not registry.settings.proxy_secret:
        return ""
    if given is not None and not registry.settings.proxy_secret:
        raise ValueError('--secret-file: the application asks for none. Write "PROXY_SECRET" in STOCKADE.')
    nginx = program is Program.NGINX
    return path(given or ("/etc/nginx/stockade-secret.conf" if nginx else "/etc/caddy/stockade-secret"))


def _static(folder: str | None) -> Static | None:
    from django.conf import settings

    from stockade.edge.proxy.plan import Static, path, url_path

    wanted = (settings.STATIC_ROOT and str(settings.STATIC_ROOT)) if folder is None else folder
    if not wanted:
        return None
    if not settings.STATIC_URL:
        raise ValueError("--static: STATIC_URL is not set.")
    return Static(url_path(str(settings.STATIC_URL)), path(wanted))


def _front(
    cloudflare: bool, alb: list[str] | None, addresses: Path | None, origin_pull: str | None
) -> Front | None:
    from stockade.edge.proxy import fronts
    from stockade.edge.proxy.plan import path

    if cloudflare and alb:
        raise ValueError("Write --cloudflare or --alb: the one that connects to this proxy.")
    if not cloudflare and (addresses is not None or origin_pull is not None):
        raise ValueError("--addresses and --origin-pull are for --cloudflare.")
    if cloudflare:
        return fronts.cloudflare(addresses, path(origin_pull) if origin_pull else "")
    return fronts.alb(alb) if alb else None


def _flood(registry: Registry, unlimited: tuple[str, ...] | None) -> tuple[Flood | None, str]:
    """What the edge counts; None, and why, where it might refuse what the project's limits admit."""
    from stockade.edge.proxy.flood import Flood

    engine = registry.engine
    limit = engine.plans.named.get("anon")
    if limit is None:
        return None, 'LIMITS has no "anon".'
    if not registry.settings.modes.general.limits:
        return None, "MODE has limits only reported."
    if unlimited is None:
        return None, 'the paths that "anon" leaves out have regular expressions that only Python reads.'
    if any(scheme.anywhere or scheme.parameters for scheme in engine.others.schemes):
        return None, "a scheme of the project reads its credential where only it knows."
    foreign = (name.removeprefix("HTTP_").replace("_", "-").title() for name in sorted(engine.others.headers))
    credentials = dict.fromkeys(["Authorization", "X-API-Key", "Cookie", *foreign])
    return Flood(limit.count, limit.period / 1_000_000, tuple(credentials), unlimited), ""
