"""The signer: the headers that a message of ours gets, by the same declarations that the verifier reads."""

from __future__ import annotations

import hashlib
import hmac
import secrets as _random
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

from stockade.core import clock
from stockade.core.errors import InvalidSignature
from stockade.webhooks import by_url, shown
from stockade.webhooks.keys import Keys
from stockade.webhooks.presets import Preset
from stockade.webhooks.verifying import source_of


def sign(
    source: str | Preset,
    body: bytes,
    *,
    secrets: str | Iterable[str] | None = None,
    id: str | None = None,
    time: int | None = None,
    url: str = "",
    content_type: str = by_url.FORM,
) -> dict[str, str]:
    """The headers to send with `body`: signature, and time and id where the preset has them.

    With several secrets a message gets a signature of each, where the preset has room for several, so that a receiver
    can change over; else one of the first.

    Args:
        source: a name in WEBHOOKS; with `secrets` a preset, or its name.
        body: the very bytes that are sent.
        secrets: one, or several while one follows another.
        id: the message's; give the same when it is tried again. A new one by default.
        time: in seconds since 1970; now by default, also when it is tried again.
        url: where it is sent, for presets that sign that; where the body is no form, with `signed_url`.
        content_type: of the body, for the same.

    Raises:
        ConfigurationError: E282, WEBHOOKS has no such source.
        ValueError: the id, the URL or the secrets are none.
    """
    found = source_of(source, secrets)
    preset, keys = found.preset, found.keys()
    if id is None:
        id = "msg_" + _random.token_urlsafe(18)
    if "{id}" in preset.before and not shown.is_id(preset, id):
        raise ValueError(
            f"The id of a message has 1 to 256 printable ASCII characters, no space and no {preset.after_id!r}."
        )
    if not id.isprintable():
        raise ValueError("The id of a message has printable characters only: it stands in a header.")
    now = int(clock.now()) if time is None else time
    if preset.by_url:
        if not url:
            raise ValueError("This preset signs the URL: give it.")
        text = _by_url(by_url.Target(url, content_type), body, preset)
        signature = shown.written(preset, hmac.digest(_first(keys), text, preset.digest))
        return {preset.header: signature, preset.id_header: id}
    parts = {"{id}": id, "{time}": str(now)}
    before = "".join([parts.get(part, part) for part in preset.before]).encode()
    headers = {}
    if preset.id_header:
        headers[preset.id_header] = id
    if preset.time_header:
        headers[preset.time_header] = str(now)
    headers[preset.header] = _header(preset, keys, before, body, now)
    return headers


def signed_url(url: str, body: bytes) -> str:
    """The URL to send a body to that is no form, where the URL is signed: with the body's SHA-256 (Twilio).

    Raises:
        ValueError: it has one already.
    """
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(name == by_url.HASH for name, _ in query):
        raise ValueError(f"The URL has a {by_url.HASH} already.")
    added = urlencode({by_url.HASH: hashlib.sha256(body).hexdigest()})
    return parts._replace(query=f"{parts.query}&{added}" if parts.query else added).geturl()


def _by_url(target: by_url.Target, body: bytes, preset: Preset) -> bytes:
    try:
        return by_url.signed_texts(target, body, preset.name)[0]
    except InvalidSignature:
        if by_url.is_form(target.content_type):
            raise ValueError("The body is no form.") from None
        raise ValueError(
            f"A body that is no form is signed by its hash in the URL. Send it to {signed_url(target.url, body)} "
            "and give that as the URL."
        ) from None


def _first(keys: Keys) -> bytes:
    if not keys.shared:
        raise ValueError("There is no secret to sign with.")
    return keys.shared[0]


def _header(preset: Preset, keys: Keys, before: bytes, body: bytes, now: int) -> str:
    def mac(key: bytes) -> str:
        made = hmac.new(key, before, preset.digest)
        made.update(body)
        return shown.written(preset, made.digest())

    if preset.form == "plain":
        return preset.prefix + mac(_first(keys))
    between, separator = (",", " ") if preset.form == "list" else ("=", ",")
    found = [f"{preset.version}{between}{mac(key)}" for key in keys.shared]
    if preset.public_version:
        found += [
            f"{preset.public_version}{between}{shown.written(preset, key.sign(before + body))}"
            for key in keys.private
        ]
    if not found:
        raise ValueError("There is no secret to sign with: a public key only verifies.")
    if preset.form == "pairs":
        found.insert(0, f"t={now}")
    return separator.join(found)
