"""What may stand before the proxy: Cloudflare, an AWS Application Load Balancer; whence it comes and what it tells."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from stockade.core.address import network

_MAX_NETWORKS = 5000
_WIDEST = {4: 8, 6: 16}


@dataclass(frozen=True, slots=True)
class Front:
    """Who alone may connect to the proxy, and is believed about the client's address.

    Args:
        name: as people call it.
        networks: CIDR blocks that it connects from.
        header: in which it tells the client's address.
        dated: since when the networks are known, and how; one line for a comment.
        origin_pull: path of the authority of the certificate that it must show; "" for none.
    """

    name: str
    networks: tuple[str, ...]
    header: str
    dated: str
    origin_pull: str = ""


def cloudflare(addresses: Path | None = None, origin_pull: str = "") -> Front:
    """Cloudflare, by the list that is shipped, or by a newer one.

    It puts the client's address into CF-Connecting-IP itself, whatever the client has sent
    (https://developers.cloudflare.com/fundamentals/reference/http-headers/).

    Raises:
        ValueError: the file is no such list; the message says what to write.
    """
    if addresses is None:
        text = resources.files("stockade.edge.proxy").joinpath("cloudflare.txt").read_text()
        source = "shipped with Stockade"
    else:
        try:
            text = addresses.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"{addresses} cannot be read: {getattr(error, 'strerror', None) or 'no text'}."
            ) from None
        source = addresses.name
    date = re.search(r"^# Date: (\d{4}-\d{2}-\d{2})$", text, re.MULTILINE)
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    dated = f"{source}, {date[1]}" if date else source
    return Front("Cloudflare", networks(filter(None, lines)), "CF-Connecting-IP", dated, origin_pull)


def alb(subnets: Iterable[str]) -> Front:
    """An AWS Application Load Balancer, which has no published addresses: its subnets must be named.

    It appends the address of its peer to X-Forwarded-For (routing.http.xff_header_processing.mode: append, the
    default), so the last entry is true, and it alone.

    Raises:
        ValueError: what is named is no network.
    """
    return Front("the load balancer", networks(subnets), "X-Forwarded-For", "its subnets, as named by --alb")


def networks(texts: Iterable[str]) -> tuple[str, ...]:
    """CIDR blocks in their one spelling, each once, in the order given.

    Raises:
        ValueError: one of them is none, or is half the internet; or there are none, or too many.
    """
    found: dict[str, None] = {}
    for text in texts:
        block = network(text)
        if block.prefixlen < _WIDEST[block.version]:
            raise ValueError(
                f"{text} is no list of proxies but a part of the internet. Write their own networks."
            )
        found[str(ipaddress.ip_network(block))] = None
        if len(found) > _MAX_NETWORKS:
            raise ValueError(f"More than {_MAX_NETWORKS} networks are no list of proxies.")
    if not found:
        raise ValueError("The list of networks is empty. Write one CIDR block a line, such as 192.0.2.0/24.")
    return tuple(found)
