"""Writes a plan as a configuration of nginx, each part with what it is for and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from stockade.edge.proxy.flood import Flood
from stockade.edge.proxy.nginx_server import (
    HEADER_BOUNDS,
    PLAIN_ERRORS,
    STRANGE_ERRORS,
    headers,
    listens,
    only_front,
    refusals,
    server,
    spoken,
)
from stockade.edge.proxy.plan import Plan
from stockade.edge.proxy.writing import block, note


def render(plan: Plan, made_by: str) -> str:
    """The configuration, for the http block.

    Args:
        made_by: the command that printed it, for the first line.
    """
    parts = [_head(plan, made_by), _upstream(plan), *_front(plan), *_numbers(plan), _log(plan)]
    parts += [_strangers(plan), _plain(plan), server(plan)]
    return "\n\n".join(parts) + "\n"


def _head(plan: Plan, made_by: str) -> str:
    needs = "nginx 1.25.1 or newer"
    return note(
        f"{', '.join(plan.domains)}: made by `{made_by}`. Do not edit: make it anew. For the http block "
        f"(/etc/nginx/conf.d/). Needs {needs}, built with OpenSSL 3.3 or newer; with an older OpenSSL take"
        ' "?X25519MLKEM768:" out of ssl_ecdh_curve.'
    )


def _upstream(plan: Plan) -> str:
    many = len(plan.upstreams) > 1
    failing = " max_fails=2 fail_timeout=2s" if many else " max_fails=0"
    away = (
        "One that fails twice is left alone for two seconds."
        if many
        else "Where there is one only, it is always asked."
    )
    upstream = block(
        f"upstream {plan.name}",
        f"zone {plan.name} 64k;",
        *(["least_conn;"] if many else []),
        *(f"server {one}{failing};" for one in plan.upstreams),
        "keepalive 64;",
    )
    return "\n".join([note(f"The processes that serve. {away}"), upstream])


def _front(plan: Plan) -> Iterator[str]:
    if plan.front is not None:
        yield (
            note(
                f"Who connects: {plan.front.name} and nobody else. By the address of the connection, not by the "
                f"one that real_ip_header puts in its place. Networks: {plan.front.dated}."
            )
            + "\n"
        ) + block(
            f"geo $realip_remote_addr ${plan.name}_known",
            "default 0;",
            *(f"{net} 1;" for net in plan.front.networks),
        )


def _numbers(plan: Plan) -> Iterator[str]:
    if plan.flood is not None or plan.connections:
        yield _networks(plan)
    if plan.flood is not None:
        yield _flood(plan, plan.flood)
    else:
        yield note(f"Requests are counted by Stockade alone: {plan.uncounted}")
    if plan.connections:
        yield (
            note("Who holds many connections open (with HTTP/2 each request under way counts as one).") + "\n"
            f"limit_conn_zone ${plan.name}_network zone={plan.name}_connections:10m;"
        )


def _networks(plan: Plan) -> str:
    return (
        note(
            "Whom numbers are about: an IPv4 address, an IPv6 network of a /64, which one customer has, as in"
            " Stockade. Where an address is written so short that its /64 does not show, the address alone: "
            "never two networks as one."
        )
        + "\n"
    ) + block(
        f"map $remote_addr ${plan.name}_network",
        '"~^(?<stockade_four>[0-9a-f]+:[0-9a-f]+:[0-9a-f]+:[0-9a-f]+):" "$stockade_four";',
        '"~^(?<stockade_three>[0-9a-f]+:[0-9a-f]+:[0-9a-f]+)::" "$stockade_three:0";',
        "default $remote_addr;",
    )


def _flood(plan: Plan, flood: Flood) -> str:
    shown = "".join(f"$http_{name.lower().replace('-', '_')}" for name in flood.credentials)
    if plan.mutual is not None:
        shown += "$ssl_client_fingerprint"
    lines = [
        note(
            f"A flood without credentials. LIMITS has anon {flood.count} in {flood.seconds:g} s by address. "
            "Whoever keeps that is never refused here: twice as many at once, then as many a second as that "
            "makes, at least one. Requests with a credential are counted by Stockade alone, which knows whose"
            " they are; so are preflights, and the paths that anon does not count."
        ),
        block(
            f"map $uri ${plan.name}_unlimited",
            "default 0;",
            *(f'"~^/{regex}" 1;' for regex in flood.unlimited),
        ),
        block(
            f'map "$request_method:${plan.name}_unlimited:{shown}" ${plan.name}_flood',
            '"~^OPTIONS:" "";',
            f'"~^[A-Z]+:0:$" ${plan.name}_network;',
            'default "";',
        ),
        f"limit_req_zone ${plan.name}_flood zone={plan.name}_flood:10m rate={flood.rate}r/s;",
    ]
    return "\n".join(lines)


def _log(plan: Plan) -> str:
    return (
        note(
            "$uri and not $request_uri: a query string may hold what must not be kept. The security log has "
            "the same request id."
        )
        + "\n"
        f"log_format {plan.name} escape=json\n"
        '    \'{"at":"$time_iso8601","request_id":"$request_id","client":"$remote_addr","method":"$request_method",\'\n'
        '    \'"path":"$uri","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,\'\n'
        '    \'"upstream":"$upstream_addr","upstream_status":"$upstream_status","tls":"$ssl_protocol"}\';'
    )


def _strangers(plan: Plan) -> str:
    first = note(
        "A name that is not ours gets no certificate and no answer. What happens before the name is known goes by the "
        "default server, so these two have it too: versions and curves of TLS, sizes and time of headers, and the "
        "answer to what names no host at all."
    )
    tls = block(
        "server",
        *listens(plan.listen, True, True),
        "server_name _;",
        *spoken(plan),
        *HEADER_BOUNDS,
        "ssl_reject_handshake on;",
        *_unanswered(plan, tls=True),
    )
    plain = block(
        "server",
        *listens(plan.listen_plain, False, True),
        "server_name _;",
        *HEADER_BOUNDS,
        *_unanswered(plan, tls=False),
    )
    return f"{first}\n{tls}\n{plain}"


def _unanswered(plan: Plan, tls: bool) -> list[str]:
    return [
        "access_log off;",
        "server_tokens off;",
        "default_type application/problem+json;",
        "client_max_body_size 0;",
        *only_front(plan.front, plan.name),
        block("location /", "return 444;"),
        refusals(plan, STRANGE_ERRORS, tls),
    ]


def _plain(plan: Plan) -> str:
    port = plan.listen[0].port
    to = "https://$host" + ("" if port == 443 else f":{port}")
    return (
        note(
            "Whoever calls an API without TLS has shown its token to everybody on the way: it must notice, so"
            " only pages are sent on (ASVS 5.0, 4.1.2)."
        )
        + "\n"
    ) + block(
        "server",
        *listens(plan.listen_plain, False),
        f"server_name {' '.join(plan.domains)};",
        "server_tokens off;",
        f"access_log {plan.logs}/{plan.name}.log {plan.name};",
        "default_type application/problem+json;",
        *HEADER_BOUNDS,
        *only_front(plan.front, plan.name),
        block(
            "location /",
            *headers(plan, tls=False),
            "if ($http_authorization) { return 403; }",
            "if ($http_x_api_key) { return 403; }",
            "if ($http_cookie) { return 403; }",
            "if ($request_method !~ ^(GET|HEAD)$) { return 403; }",
            f"return 308 {to}$request_uri;",
        ),
        refusals(plan, PLAIN_ERRORS, tls=False),
    )
