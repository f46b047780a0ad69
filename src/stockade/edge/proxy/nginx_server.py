"""The server of nginx that clients talk to: TLS, bounds, what the application is told, what nginx answers itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from stockade.core.forwarded import (
    CLIENT_CERT,
    FORWARDED,
    IDENTITY,
    REWRITE,
    SECRET_HEADER,
)
from stockade.edge.proxy.fronts import Front
from stockade.edge.proxy.kinds import KINDS
from stockade.edge.proxy.plan import Listen, Plan
from stockade.edge.proxy.refusals import REFUSALS, document
from stockade.edge.proxy.tls import GUIDELINE, OPENSSL_CURVES
from stockade.edge.proxy.writing import block, note

# The certificates that nginx refuses have statuses of its own (495, 496, 497). 501 and 505 are for what clients write.
_CLIENTS = "400 494 495 496 497 501 505"
_ALWAYS = (
    ("414", "uri_too_long"), ("408", "too_slow"), ("421", "misdirected"), ("500 502 503 504", "unavailable"),
)  # fmt: skip
ERRORS = (
    (_CLIENTS, "bad_request"), ("403 404 405", "not_found"), ("412", "precondition_failed"), ("413", "too_large"),
    ("416", "range_not_satisfiable"), ("429", "throttled"), *_ALWAYS,
)  # fmt: skip
# Without TLS nothing else is to be had.
PLAIN_ERRORS = ((_CLIENTS, "bad_request"), ("403 404 405 413", "https_required"), *_ALWAYS)
# Of what names no server, or one that is not ours: it may still be so malformed that nginx answers.
STRANGE_ERRORS = ((f"{_CLIENTS} 405", "bad_request"), *_ALWAYS)
# The last two are defaults, written down because much depends on them.
Errors: TypeAlias = tuple[tuple[str, str], ...]
HEADER_BOUNDS = (
    "client_header_timeout 10s;",
    "client_header_buffer_size 2k;",
    "large_client_header_buffers 4 8k;",
    note(
        "X_Forwarded_For and X-Forwarded-For are one name to WSGI (RFC 3875 section 4.1.18): what has an underscore is "
        "dropped."
    ),
    "underscores_in_headers off;",
    "ignore_invalid_headers on;",
)


def listens(places: Iterable[Listen], tls: bool, default: bool = False) -> list[str]:
    """Where a server listens, as directives; without an address on IPv4 and IPv6."""
    words = (" ssl" if tls else "") + (" default_server" if default else "")
    found: list[str] = []
    for one in places:
        hosts = [f"{one.host}:"] if one.host else ["", "[::]:"]
        found += [f"listen {host}{one.port}{words};" for host in hosts]
    return found


def spoken(plan: Plan) -> list[str]:
    """Versions, ciphers and curves of TLS."""
    profile = plan.tls
    ciphers = [f"ssl_ciphers {profile.openssl_ciphers};"] if profile.ciphers else []
    return [
        f"ssl_protocols {' '.join(profile.versions)};",
        *ciphers,
        note('The "?" has OpenSSL pass over what it does not know (SSL_CTX_set1_groups_list(3)).'),
        f"ssl_ecdh_curve ?{':'.join(OPENSSL_CURVES)};",
    ]


def only_front(front: Front | None, name: str) -> list[str]:
    """Cuts the connection of anyone but what stands in front."""
    return [f"if (${name}_known = 0) {{ return 444; }}"] if front is not None else []


def server(plan: Plan) -> str:
    """The server by TLS."""
    parts = [
        "\n".join([*listens(plan.listen, True), "http2 on;", f"server_name {' '.join(plan.domains)};"]),
        _tls(plan), *_clients(plan), *_connecting(plan), _bounds(plan), _told(plan), _patience(plan),
        *_locations(plan), refusals(plan, ERRORS),
    ]  # fmt: skip
    return block("server", "\n\n".join(parts))


def _tls(plan: Plan) -> str:
    return "\n".join(
        [
            note(f"{plan.tls.name}: {plan.tls.oldest} and newer. {GUIDELINE}"),
            f"ssl_certificate {plan.certificate};",
            f"ssl_certificate_key {plan.key};",
            *spoken(plan),
            note("The client knows best which cipher its processor is fast at: all of these are good."),
            "ssl_prefer_server_ciphers off;",
            f"ssl_session_cache shared:{plan.name}_tls:10m;",
            "ssl_session_timeout 1d;",
            note("Keys of tickets live as long as nginx: whoever takes them reads what was recorded before."),
            "ssl_session_tickets off;",
        ]
    )


def _clients(plan: Plan) -> Iterator[str]:
    if plan.mutual is not None:
        yield "\n".join(
            [
                note(
                    "Certificates of clients (RFC 8705). The application is told the one that was verified, see "
                    "below."
                ),
                f"ssl_client_certificate {plan.mutual.authority};",
                f"ssl_verify_client {'on' if plan.mutual.required else 'optional'};",
                "ssl_verify_depth 2;",
            ]
        )
    if plan.front is not None and plan.front.origin_pull:
        yield "\n".join(
            [
                note(
                    f"{plan.front.name} shows a certificate too: its addresses are those of all of its customers."
                ),
                f"ssl_client_certificate {plan.front.origin_pull};",
                "ssl_verify_client on;",
                "ssl_verify_depth 2;",
            ]
        )


def _connecting(plan: Plan) -> Iterator[str]:
    if plan.front is not None:
        yield "\n".join(
            [
                note(f"{plan.front.name} alone may connect, and is believed about the client."),
                *only_front(plan.front, plan.name),
                *(f"set_real_ip_from {net};" for net in plan.front.networks),
                f"real_ip_header {plan.front.header};",
                "real_ip_recursive off;",
            ]
        )


def _bounds(plan: Plan) -> str:
    numbers = []
    if plan.connections:
        numbers.append(f"limit_conn {plan.name}_connections {plan.connections};")
    return "\n".join(
        [
            f"access_log {plan.logs}/{plan.name}.log {plan.name};",
            "server_tokens off;",
            "default_type application/problem+json;",
            "",
            note(
                "What one client may take: sizes, and time between two parts of what it sends (slow clients; "
                "CWE-400)."
            ),
            f"client_max_body_size {plan.max_body};",
            "client_body_buffer_size 64k;",
            *HEADER_BOUNDS,
            "client_body_timeout 10s;",
            "send_timeout 10s;",
            "keepalive_timeout 30s;",
            "keepalive_requests 1000;",
            "reset_timedout_connection on;",
            *numbers,
            "limit_conn_status 429;",
            "limit_req_status 429;",
            "merge_slashes on;",
        ]
    )


def _told(plan: Plan) -> str:
    given = {"X-Forwarded-For": "$remote_addr", "X-Forwarded-Proto": "$scheme"}
    lines = [
        note(
            "What the application is told. Written anew, never added to: what a client sent in these is gone."
            " A location that has a proxy_set_header of its own inherits none of them: write it here."
        ),
        "proxy_http_version 1.1;",
        'proxy_set_header Connection "";',
        "proxy_set_header Host $host;",
        *(f"proxy_set_header {name} {value};" for name, value in given.items()),
        note("The id under which nginx's log and the security log both know the request."),
        "proxy_set_header X-Request-ID $request_id;",
    ]
    if plan.mutual is not None:
        # One that does not verify is refused, also where none is needed (status 495).
        given[CLIENT_CERT] = "$ssl_client_escaped_cert"
        lines += [
            note("The verified certificate of the client, PEM with percent-encoding. Empty without one."),
            f"proxy_set_header {CLIENT_CERT} {given[CLIENT_CERT]};",
        ]
    if plan.secret_file:
        lines += [
            note(
                f'What it shows to be believed: one line, proxy_set_header {SECRET_HEADER} "..."; in a file that '
                "only root may read. See PROXY_SECRET."
            ),
            f"include {plan.secret_file};",
        ]
    else:
        lines += [
            note(
                "There is no PROXY_SECRET: whatever else can connect to the application from this address is "
                "believed too."
            ),
            f'proxy_set_header {SECRET_HEADER} "";',
        ]
    lines += [
        note(
            "Taken away (an empty value removes a header): what says where from and who, in other products' "
            "spelling, what says that another path or method was meant, and what makes CGI programs use a "
            "proxy (httpoxy, CVE-2016-5387)."
        ),
    ]
    known = {name.lower() for name in given}
    names = dict.fromkeys(name for name in (*FORWARDED, *IDENTITY, *REWRITE) if name.lower() not in known)
    lines += ["proxy_headers_hash_max_size 1024;", "proxy_headers_hash_bucket_size 128;"]
    lines += [f'proxy_set_header {name} "";' for name in names]
    return "\n".join(lines)


def _patience(plan: Plan) -> str:
    lines = [
        note(
            "A slow client is nginx's to wait for: the application gets a request when it is whole, and is "
            "free when it has answered. Nothing is compressed: a token beside what an attacker chooses would "
            "show in the length (BREACH)."
        ),
        "proxy_request_buffering on;",
        "proxy_buffering on;",
        "gzip off;",
        "proxy_connect_timeout 2s;",
        "proxy_send_timeout 10s;",
        "proxy_read_timeout 30s;",
    ]
    if len(plan.upstreams) > 1:
        lines += [
            note(
                "A process that is away, or has lost its state (503), is passed over, for what may be repeated "
                "(no POST, no PATCH)."
            ),
            "proxy_next_upstream error timeout http_503;",
            "proxy_next_upstream_tries 2;",
            "proxy_next_upstream_timeout 5s;",
        ]
    else:
        lines.append("proxy_next_upstream off;")
    return "\n".join(lines)


def refusals(plan: Plan, errors: Errors, tls: bool = True) -> str:
    """What a server answers itself, by nginx's statuses."""
    return "\n".join(
        [
            note(
                "What nginx itself refuses looks like what the application refuses (RFC 9457). Not in named "
                "locations: a request whose first line cannot be read has no address that such a one could keep."
            ),
            *(f"error_page {statuses} = /_refused/{code};" for statuses, code in errors),
            *(_refusal(plan, code, tls) for _, code in errors),
        ]
    )


def headers(plan: Plan, but: tuple[str, ...] = (), tls: bool = True) -> list[str]:
    """The headers of what nginx answers itself."""
    found = [f'add_header {name} "{value}" always;' for name, value in plan.headers if name not in but]
    # Browsers take Strict-Transport-Security by TLS only (RFC 6797 section 7.2).
    return [*found, *(_hsts(plan) if tls else []), "add_header X-Request-ID $request_id always;"]


def _hsts(plan: Plan) -> list[str]:
    return [f'add_header Strict-Transport-Security "{plan.hsts}" always;'] if plan.hsts else []


def _locations(plan: Plan) -> Iterator[str]:
    proxied = [f"proxy_pass http://{plan.name};"]
    if plan.hsts:
        # Once, by the one that has the TLS (RFC 6797 section 7.1 wants it only once).
        proxied = ["proxy_hide_header Strict-Transport-Security;", *_hsts(plan), *proxied]
    flood = [f"limit_req zone={plan.name}_flood burst={plan.flood.burst} nodelay;"] if plan.flood else []
    yield block("location /", *flood, *proxied)
    alone = ["proxy_next_upstream off;"] if len(plan.upstreams) > 1 else []
    for regex in plan.probes:
        who = [*(f"allow {net};" for net in plan.watchers), "deny all;"]
        yield (
            note(
                "For those who balance and watch; to strangers it is not there. The answer of one process about "
                "itself."
            )
            + "\n"
        ) + block(f'location ~ "^/{regex}"', *who, *alone, *proxied)
    if plan.static is not None:
        yield "# Files as they are: no program sees the request.\n" + block(
            f"location {plan.static.url}",
            f"alias {plan.static.folder.rstrip('/')}/;",
            block("types", *(f"{kind} {' '.join(endings)};" for kind, endings in KINDS.items())),
            "default_type application/octet-stream;",
            'add_header Cache-Control "public, max-age=86400";',
            *headers(plan, but=("Cache-Control",)),
        )


def _refusal(plan: Plan, code: str, tls: bool) -> str:
    """The location that answers with one of REFUSALS."""
    meant = REFUSALS[code]
    retry = [f"add_header Retry-After {meant.retry} always;"] if meant.retry else []
    # nginx looks at Range when it has written the headers of the file, and keeps them.
    written = [] if code == "range_not_satisfiable" else headers(plan, tls=tls)
    return block(
        f"location = /_refused/{code}",
        "internal;",
        *written,
        *retry,
        f"return {meant.status} '{document(code, plan.max_body)}';",
    )
