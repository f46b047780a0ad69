"""What each vendor signs, and how: declarations that the one verifier and the one signer read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Preset:
    """How messages of one kind are signed.

    Args:
        name: as in WEBHOOKS.
        header: the header with the signature.
        signs: what the signature covers; a sentence for people.
        freshness: what can be promised of a message that holds; a sentence for people.
        before: what is signed before the body: texts, and ``{id}`` and ``{time}``, which stand for the headers.
        form: how the header is written: ``plain`` (one signature after `prefix`), ``list`` (``v1,SIGNATURE`` with
            spaces between, Standard Webhooks) or ``pairs`` (``t=TIME,v1=SIGNATURE``, Stripe).
        prefix: what stands before a plain signature.
        encoding: ``hex`` (small letters) or ``base64``.
        digest: of the HMAC.
        version: which of several kinds of signature is the HMAC.
        public_version: which is Ed25519; "" for none.
        id_header: the header with the message's id; "" for none.
        id_signed: whether the signature covers it. What it does not cover may be changed on the way.
        id_member: the member of a JSON body that is the message's id, with dots for members of members; "" for none.
        time_header: the header with the time in whole seconds since 1970; "" for none.
        by_url: the URL and the form's parameters are signed in place of the body (Twilio).
        coded: secrets are ``whsec_`` and base64, keys ``whsk_`` and ``whpk_`` (Standard Webhooks).
        max_body: bytes of a body unless the source says otherwise.
    """

    name: str
    header: str
    signs: str
    freshness: str
    before: tuple[str, ...] = ()
    form: str = "plain"
    prefix: str = ""
    encoding: str = "hex"
    digest: str = "sha256"
    version: str = "v1"
    public_version: str = ""
    id_header: str = ""
    id_signed: bool = False
    id_member: str = ""
    time_header: str = ""
    by_url: bool = False
    coded: bool = False
    max_body: int = MIB

    def __post_init__(self) -> None:
        allowed = {
            "form": (self.form, {"plain", "list", "pairs"}),
            "encoding": (self.encoding, {"hex", "base64"}),
            "digest": (self.digest, {"sha1", "sha256", "sha384", "sha512"}),
        }
        for name, (value, known) in allowed.items():
            if value not in known:
                raise ValueError(f"{name}={value!r} is none of {', '.join(sorted(known))}.")
        if "{id}" in self.before and not self.id_header:
            raise ValueError("What is signed has an {id}: say by id_header where it stands.")
        if "{time}" in self.before and not (self.time_header or self.form == "pairs"):
            raise ValueError("What is signed has a {time}: say by time_header where it stands.")
        if self.id_signed and not (self.id_member or "{id}" in self.before):
            raise ValueError(
                "id_signed: then {id} stands in `before`, or id_member names where it is in the body."
            )

    @property
    def timed(self) -> bool:
        """Whether the signature covers a time."""
        return "{time}" in self.before

    @property
    def header_meta(self) -> str:
        """The header with the signature, as META names it."""
        return meta_name(self.header)


def meta_name(header: str) -> str:
    """How META names a header."""
    return "HTTP_" + header.upper().replace("-", "_")


_WINDOW = "Refused when its time is not within the tolerance. The same message at the same time is a replay."
_UNTIMED = "No time is signed: a message holds for ever, and is known again only while it is remembered."

STANDARD: Final = Preset(
    "standard",
    header="webhook-signature",
    signs="Its id, its time and the body.",
    freshness=_WINDOW + " The same id at another time is the sender's next try.",
    before=("{id}", ".", "{time}", "."),
    form="list",
    encoding="base64",
    public_version="v1a",
    id_header="webhook-id",
    id_signed=True,
    time_header="webhook-timestamp",
    coded=True,
)
SVIX: Final = replace(
    STANDARD, name="svix", header="svix-signature", id_header="svix-id", time_header="svix-timestamp"
)
GITHUB: Final = Preset(
    "github",
    header="X-Hub-Signature-256",
    signs="The body. Neither the event's name nor the delivery's id.",
    freshness=_UNTIMED
    + " The same delivery id is GitHub's redelivery; the same body under another id is a replay.",
    prefix="sha256=",
    id_header="X-GitHub-Delivery",
    max_body=25 * MIB,
)
STRIPE: Final = Preset(
    "stripe",
    header="Stripe-Signature",
    signs="Its time and the body.",
    freshness=_WINDOW + " The same event (the body's `id`) at another time is Stripe's next try.",
    before=("{time}", "."),
    form="pairs",
    id_member="id",
    id_signed=True,
)
SLACK: Final = Preset(
    "slack",
    header="X-Slack-Signature",
    signs="Its time and the body.",
    freshness=_WINDOW + " The same event (the body's `event_id`) at another time is Slack's next try.",
    before=("v0:", "{time}", ":"),
    prefix="v0=",
    time_header="X-Slack-Request-Timestamp",
    id_member="event_id",
    id_signed=True,
)
SHOPIFY: Final = Preset(
    "shopify",
    header="X-Shopify-Hmac-Sha256",
    signs="The body. Neither the topic nor the shop's domain nor the webhook's id.",
    freshness=_UNTIMED
    + " The same webhook id is Shopify's next try; the same body under another id is a replay.",
    encoding="base64",
    id_header="X-Shopify-Webhook-Id",
)
TWILIO: Final = Preset(
    "twilio",
    header="X-Twilio-Signature",
    signs="The URL as Twilio knows it and a form's parameters, in alphabetical order and without separators; of a "
    "JSON body the SHA-256, which stands in the URL.",
    freshness=_UNTIMED
    + " The same idempotency token is Twilio's next try; the same content with another is a replay.",
    encoding="base64",
    digest="sha1",
    id_header="I-Twilio-Idempotency-Token",
    by_url=True,
)
PLAIN: Final = Preset(
    "plain",
    header="X-Signature",
    signs="The body.",
    freshness=_UNTIMED + " There is no id: the same body is taken for the same message.",
)

PRESETS: Final[dict[str, Preset]] = {
    preset.name: preset for preset in (STANDARD, SVIX, GITHUB, STRIPE, SLACK, SHOPIFY, TWILIO, PLAIN)
}
