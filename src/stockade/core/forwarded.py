"""The headers that only a proxy may send: what it says of the client, and what others would take for who is calling.

One list for both sides: the edge takes them away from every request, and the pipeline from whoever is no trusted proxy.
"""

from __future__ import annotations

from typing import Final

# In which a proxy shows that it is ours; the name holds SECRET, so that Django's debug page hides the value.
SECRET_HEADER: Final = "X-Stockade-Proxy-Secret"  # noqa: S105 - its name

# The certificate of the client, which the proxy has verified.
CLIENT_CERT: Final = "X-Client-Cert"

# Where from: RFC 7239, its older relatives, and other products' spelling. Every X-Forwarded-* is meant besides.
FORWARDED: Final = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Protocol",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Scheme",
    "X-Url-Scheme",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Envoy-External-Address",
    "True-Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "Fastly-Client-IP",
)

# Who: some library of some project believes each of these.
IDENTITY: Final = (
    "Remote-User",
    "X-Remote-User",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Access-Token",
    "X-Authenticated-User",
    "X-Authenticated-Userid",
    "X-Webauth-User",
    "X-Amzn-Oidc-Identity",
    "X-Amzn-Oidc-Data",
    "X-Amzn-Oidc-Accesstoken",
    "X-Goog-Authenticated-User-Email",
    "X-Goog-Authenticated-User-Id",
    "X-Goog-Iap-Jwt-Assertion",
    "Cf-Access-Authenticated-User-Email",
    "Cf-Access-Jwt-Assertion",
    CLIENT_CERT,
    "X-Client-Verify",
    "X-Client-CN",
    "X-Client-DN",
    "X-SSL-Client-Cert",
    "X-SSL-Client-Verify",
    "X-SSL-Client-S-DN",
    "SSL-Client-Cert",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "X-Forwarded-Tls-Client-Cert-Info",
    "X-Amzn-Mtls-Clientcert",
    "X-Amzn-Mtls-Clientcert-Leaf",
    "X-Amzn-Mtls-Clientcert-Subject",
    "Client-Cert",
    "Client-Cert-Chain",
)

# That another path or method was meant, after the edge has decided by the first; and httpoxy. No proxy of ours says
# any of it, so it is the edge's to take away; where there is none, some clients do mean their method.
REWRITE: Final = (
    "X-Original-URL",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "Proxy",
)


def meta_name(header: str) -> str:
    """The key of a header in a WSGI environ and in request.META (RFC 3875 section 4.1.18)."""
    return "HTTP_" + header.upper().replace("-", "_")


SECRET_META: Final = meta_name(SECRET_HEADER)
