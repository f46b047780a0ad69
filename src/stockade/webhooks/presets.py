"""What each vendor signs, and how: declarations that the one verifier and the one signer read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
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

    Attributes:
        names: of the headers that are read, in small letters: with the signature, the id, the time; "" for none.
        metas: the same as META names them.
        after_id: the text between the id and what is signed next; "" for none.
        timed: whether the signature covers a time.
        length: characters of a signature of HMAC.

    Raises:
        ValueError: it cannot be meant; the message says what to write.
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
    names: tuple[str, str, str] = field(init=False, repr=False, compare=False)
    metas: tuple[str, str, str] = field(init=False, repr=False, compare=False)
    after_id: str = field(init=False, repr=False, compare=False)
    timed: bool = field(init=False, repr=False, compare=False)
    length: int = field(init=False, repr=False, compare=False)

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
        if not self.header:
            raise ValueError("Say by `header` where the signature stands.")
        if self.time_header and "{time}" not in self.before:
            raise ValueError(
                "time_header: then {time} stands in `before`. A time that is not signed says nothing."
            )
        following = self.before[self.before.index("{id}") + 1 :][:1] if "{id}" in self.before else ()
        if "{id}" in self.before and (not following or following[0] in ("", "{id}", "{time}")):
            raise ValueError(
                "What is signed has an {id}: write a text behind it, so that it is known where it ends."
            )
        names = (self.header.lower(), self.id_header.lower(), self.time_header.lower())
        size = hashlib.new(self.digest).digest_size
        fill = object.__setattr__  # the dataclass is frozen for everyone else
        fill(self, "names", names)
        fill(
            self, "metas", tuple(["HTTP_" + name.upper().replace("-", "_") if name else "" for name in names])
        )
        fill(self, "after_id", following[0] if following else "")
        fill(self, "timed", "{time}" in self.before)
        fill(self, "length", 2 * size if self.encoding == "hex" else -(-size // 3) * 4)


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
