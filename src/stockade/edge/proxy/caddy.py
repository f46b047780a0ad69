"""Writes a plan as a Caddyfile, each part with what it is for and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stockade.core.forwarded import (
    CLIENT_CERT,
    FORWARDED,
    IDENTITY,
    REWRITE,
    SECRET_HEADER,
)
from stockade.edge.proxy.plan import Listen, Plan
from stockade.edge.proxy.refusals import REFUSALS, document
from stockade.edge.proxy.tls import CADDY_CURVES, GUIDELINE
from stockade.edge.proxy.writing import block as any_block, note

_VERSIONS = {"TLSv1.2": "tls1.2", "TLSv1.3": "tls1.3"}
# What Caddy itself finds wrong, and what it is to the client.
_ERRORS = (("400", "bad_request"), ("403 404 405", "not_found"), ("413", "too_large"), ("421", "misdirected"))

_BUFFER = 16 * 1024**2  # of memory that one request may take; a larger one must name its length


def block(opening: str, *lines: str) -> str:
    """As `caddy fmt` indents it."""
    return any_block(opening, *lines, indent="\t")


def render(plan: Plan, made_by: str) -> str:
    """The Caddyfile.

    Args:
        made_by: the command that printed it, for the first line.
    """
    head = "\n".join([_head(plan, made_by), _global(plan)])
    return "\n\n".join([head, _headers(plan), _strangers(plan), _plain(plan), _site(plan)]) + "\n"


def _head(plan: Plan, made_by: str) -> str:
    return note(
        f"{', '.join(plan.domains)}: made by `{made_by}`. Do not edit: make it anew. For Caddy 2.10 or "
        "newer. Caddy itself counts no requests (that is a plugin): Stockade's limits are the only ones."
    )


def _ports(plan: Plan) -> list[str]:
    found = []
    if plan.listen[0].port != 443:
        found.append(f"https_port {plan.listen[0].port}")
    if plan.listen_plain[0].port != 80:
        found.append(f"http_port {plan.listen_plain[0].port}")
    return found


def _global(plan: Plan) -> str:
    trust = []
    if plan.front is not None:
        trust = [
            note(f"{plan.front.name} is believed about the client. Networks: {plan.front.dated}."),
            f"trusted_proxies static {' '.join(plan.front.networks)}",
            f"client_ip_headers {plan.front.header}",
            note("From the right, where the proxy itself has written."),
            "trusted_proxies_strict",
        ]
    return block(
        "",
        note("Whoever reaches the admin interface rewrites all of this. Changes: restart Caddy."),
        "admin off",
        note("What comes without TLS is answered below."),
        "auto_https disable_redirects",
        *_ports(plan),
        "grace_period 10s",
        block(
            "servers",
            "protocols h1 h2",
            note("What one client may take: sizes, and time for what it sends (slow clients; CWE-400)."),
            "max_header_size 32KiB",
            block("timeouts", "read_header 10s", "read_body 30s", "write 60s", "idle 30s"),
            note("The name of the handshake and of the request must be one."),
            "strict_sni_host on",
            *trust,
        ),
        note(
            "A query string may hold what must not be kept, and so may a header. The security log has the "
            "same request id."
        ),
        block("log default", _format()),
    )


def _format() -> str:
    return block(
        "format filter",
        "wrap json",
        block(
            "fields",
            'request>uri regexp "\\?.*" ""',
            "request>headers delete",
            "request>tls>client_common_name delete",
            "resp_headers delete",
        ),
    )


def _binds(listens: Iterable[Listen]) -> list[str]:
    hosts = [one.host.strip("[]") for one in listens if one.host]
    return [f"bind {' '.join(hosts)}"] if hosts else []


def _headers(plan: Plan) -> str:
    told = note("What stands on answers that Caddy makes itself: the same as on the application's.")
    return "\n".join([told, block(f"({plan.name}_headers)", block("header", *_written(plan)))])


def _written(plan: Plan) -> list[str]:
    return [*(f'{name} "{value}"' for name, value in plan.headers), "X-Request-ID {http.request.uuid}"]


def _strangers(plan: Plan) -> str:
    told = note(
        "A name that is not ours gets no certificate and no answer. Where the handshake had ours, a browser may take "
        "the connection for another of our hosts: it is told to make a new one (421). What names none is malformed."
    )
    found = [told]
    front = _only_front(plan)
    known, cut = front[:-1], front[-1:]
    for listens, address, tls in (
        (plan.listen, f":{plan.listen[0].port}", True),
        (plan.listen_plain, f"http://:{plan.listen_plain[0].port}", False),
    ):
        found.append(
            block(
                address,
                *_binds(listens),
                *known,
                "abort",
                block("handle_errors 421", *cut, *_refusal(plan, "misdirected", tls)),
                block("handle_errors", *cut, *_refusal(plan, "bad_request", tls)),
            )
        )
    return "\n".join(found)


def _only_front(plan: Plan) -> list[str]:
    if plan.front is None:
        return []
    return [
        note(f"{plan.front.name} alone may connect: by the address of the connection."),
        f"@stranger not remote_ip {' '.join(plan.front.networks)}",
        "abort @stranger",
    ]


def _plain(plan: Plan) -> str:
    port = plan.listen[0].port
    to = "https://{host}" + ("" if port == 443 else f":{port}")
    return (
        note(
            "Whoever calls an API without TLS has shown its token to everybody on the way: it must notice, so"
            " only pages are sent on (ASVS 5.0, 4.1.2)."
        )
        + "\n"
    ) + block(
        ", ".join(f"http://{domain}" for domain in plan.domains),
        *_binds(plan.listen_plain),
        block(
            "route",
            *_only_front(plan),
            "@authorization header Authorization *",
            "@key header X-API-Key *",
            "@cookie header Cookie *",
            "@other not method GET HEAD",
            *(f"error {matcher} 403" for matcher in ("@authorization", "@key", "@cookie", "@other")),
            f"import {plan.name}_headers",
            f"redir {to}{{uri}} 308",
        ),
        "header -Server",
        block("handle_errors", *_refusal(plan, "https_required", tls=False)),
    )


def _site(plan: Plan) -> str:
    return block(
        ", ".join(f"https://{domain}" for domain in plan.domains),
        "\n\n".join(
            [
                "\n".join([*_binds(plan.listen), _tls(plan)]),
                "\n".join([block("log", f"output file {plan.logs}/{plan.name}.log", _format())]),
                _route(plan),
                _errors(plan),
            ]
        ),
    )


def _tls(plan: Plan) -> str:
    profile = plan.tls
    own = f" {plan.certificate} {plan.key}" if plan.certificate else ""
    versions = [_VERSIONS[version] for version in profile.versions]
    ciphers = [f"ciphers {' '.join(profile.ciphers)}"] if profile.ciphers else []
    return "\n".join(
        [
            note(f"{profile.name}: {profile.oldest} and newer. {GUIDELINE}"),
            block(
                f"tls{own}",
                f"protocols {versions[0]} {versions[-1]}",
                *ciphers,
                f"curves {' '.join(CADDY_CURVES)}",
                *_client_auth(plan),
            ),
        ]
    )


def _client_auth(plan: Plan) -> Iterator[str]:
    if plan.mutual is not None:
        yield "# Certificates of clients (RFC 8705). The application is told the one that was verified, see below."
        mode = "require_and_verify" if plan.mutual.required else "verify_if_given"
        yield block("client_auth", f"mode {mode}", f"trust_pool file {plan.mutual.authority}")
    if plan.front is not None and plan.front.origin_pull:
        yield f"# {plan.front.name} shows a certificate too: its addresses are those of all of its customers."
        yield block("client_auth", "mode require_and_verify", f"trust_pool file {plan.front.origin_pull}")


def _route(plan: Plan) -> str:
    hsts = [f'Strict-Transport-Security "{plan.hsts}"'] if plan.hsts else []
    parts = [
        *_only_front(plan),
        note(
            "X_Forwarded_For and X-Forwarded-For are one name to WSGI (RFC 3875 section 4.1.18): what has an "
            "underscore goes."
        ),
        "request_header -*_*",
        "request_header -X-Forwarded-*",
        block("request_body", f"max_size {plan.max_body}"),
        note("Once, by the one that has the TLS (RFC 6797 section 7.1 wants it only once)."),
        block("header", *hsts, "-Server", "-Via", "defer"),
        note(
            "The rest of a body never came: Caddy's own number for that, and an answer past handle_errors. Without the "
            "last line Go would wait for that rest, without end, before it answers."
        ),
        block("header", "match status 499", *_written(plan), "Connection close"),
    ]
    parts += _static(plan)
    for at, regex in enumerate(plan.probes):
        watchers = [f"not client_ip {' '.join(plan.watchers)}"] if plan.watchers else []
        parts += [
            note("For those who balance and watch; to strangers it is not there."),
            block(f"@probe{at}", f'path_regexp "^/{regex}"', *watchers),
            f"error @probe{at} 404",
        ]
    parts.append(_proxy(plan))
    return block("route", *parts)


def _static(plan: Plan) -> list[str]:
    static = plan.static
    if static is None:
        return []
    served = block(
        f"handle_path {static.url}*",
        f"root * {static.folder}",
        f"import {plan.name}_headers",
        note("Last, because Go takes this header away from what it refuses itself, such as a range."),
        block("header", 'Cache-Control "public, max-age=86400"', "defer"),
        "file_server",
    )
    return ["# Files as they are: no program sees the request.", served]


def _proxy(plan: Plan) -> str:
    given = {"X-Forwarded-For": "{client_ip}", "X-Forwarded-Proto": "{scheme}"}
    lines = [
        note(
            "What the application is told. Written anew, never added to: what a client sent in these is gone."
        ),
        *(f"header_up {name} {value}" for name, value in given.items()),
        "header_up X-Request-ID {http.request.uuid}",
    ]
    if plan.mutual is not None:
        given[CLIENT_CERT] = "{http.request.tls.client.certificate_der_base64}"
        lines += [
            note("The verified certificate of the client, DER in base64. Empty without one."),
            f"header_up {CLIENT_CERT} {given[CLIENT_CERT]}",
        ]
    if plan.secret_file:
        lines += [
            note(
                "What it shows to be believed: the content of a file that only Caddy may read. See PROXY_SECRET."
            ),
            f"header_up {SECRET_HEADER} {{file.{plan.secret_file}}}",
        ]
    else:
        lines += [
            note(
                "There is no PROXY_SECRET: whatever else can connect to the application from this address is "
                "believed too."
            ),
            f"header_up -{SECRET_HEADER}",
        ]
    known = {name.lower() for name in given}
    lines += [
        note(
            "Taken away: what says where from and who, in other products' spelling, what says that another "
            "path or method was meant, and what makes CGI programs use a proxy (httpoxy, CVE-2016-5387)."
        ),
    ]
    names = dict.fromkeys(name for name in (*FORWARDED, *IDENTITY, *REWRITE) if name.lower() not in known)
    lines += [f"header_up -{name}" for name in names]
    lines += [
        note(
            "The application gets a request when it is whole, so that a slow client holds "
            "none of its processes."
        ),
        f"request_buffers {min(plan.max_body, _BUFFER) + 1}",
        block(
            "transport http",
            "dial_timeout 2s",
            "response_header_timeout 30s",
            "write_timeout 10s",
            "keepalive 30s",
            "compression off",
        ),
    ]
    if len(plan.upstreams) > 1:
        lines += [
            note("A process that is away, or has lost its state (503), is left alone for two seconds."),
            "lb_policy least_conn",
            "lb_try_duration 5s",
            "fail_duration 2s",
            "max_fails 2",
            "unhealthy_status 503",
        ]
    upstreams = " ".join(_upstream(one) for one in plan.upstreams)
    return block(f"reverse_proxy {upstreams}", *lines)


def _upstream(text: str) -> str:
    return "unix/" + text.removeprefix("unix:") if text.startswith("unix:") else text


def _errors(plan: Plan) -> str:
    return "\n".join(
        [
            note("What Caddy itself refuses looks like what the application refuses (RFC 9457)."),
            *(block(f"handle_errors {codes}", *_refusal(plan, code)) for codes, code in _ERRORS),
            note(
                "A body in chunks that are none, or a method that is no word (HTTP/2), fails on the way to the "
                "application; it is the client's failure."
            ),
            block(
                "handle_errors 500 502 503 504",
                '@malformed `{err.message}.contains("chunk") || {err.message}.contains("invalid method")`',
                block("handle @malformed", *_refusal(plan, "bad_request")),
                block("handle", *_refusal(plan, "unavailable")),
            ),
        ]
    )


def _refusal(plan: Plan, code: str, tls: bool = True) -> list[str]:
    refusal = REFUSALS[code]
    hsts = [f'header Strict-Transport-Security "{plan.hsts}"'] if plan.hsts and tls else []
    retry = [f"header Retry-After {refusal.retry}"] if refusal.retry else []
    return [
        f"import {plan.name}_headers",
        *hsts,
        "header Content-Type application/problem+json",
        *retry,
        "header -Server",
        f"respond `{document(code, plan.max_body)}` {refusal.status}",
    ]
