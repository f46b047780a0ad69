"""One record as a document with the field names of the Elastic Common Schema, for the log and for exports alike."""

from __future__ import annotations

import datetime
from typing import Any

from stockade.core.address import parse
from stockade.events.catalogue import Event, Level
from stockade.events.record import Record

VERSION = "8.17.0"

# For each event: ECS event.category, ECS event.type, and a sentence (ECS `message`).
_MEANING: dict[Event, tuple[list[str], list[str], str]] = {
    Event.LOGIN_SUCCESS: (["authentication", "session"], ["start", "allowed"], "A login succeeded"),
    Event.LOGIN_FAIL: (["authentication"], ["start", "denied"], "A login failed"),
    Event.LOGIN_LOCK: (["authentication"], ["denied"], "Logins to an account are locked for a while"),
    Event.PASSWORD_CHANGE: (["iam"], ["user", "change"], "A password was changed"),
    Event.TOKEN_CREATED: (["authentication", "session"], ["creation"], "A credential was issued"),
    Event.TOKEN_REFRESHED: (["authentication", "session"], ["change"], "A session was refreshed"),
    Event.TOKEN_REVOKED: (["authentication", "session"], ["deletion"], "A credential was revoked"),
    Event.TOKEN_REUSE: (
        ["intrusion_detection", "session"],
        ["denied", "end"],
        "A used refresh token was shown again",
    ),
    Event.SESSION_ENDED: (["session"], ["end"], "A session was ended"),
    Event.AUTHN_FAIL: (["authentication"], ["denied"], "A credential did not hold"),
    Event.AUTHN_SUCCESS: (["authentication"], ["allowed"], "A credential opened a request"),
    Event.STEP_UP_REQUIRED: (["authentication"], ["denied"], "A further login was asked for"),
    Event.STEP_UP: (["authentication", "session"], ["change"], "A user of a session logged in again"),
    Event.IDENTITY_LINKED: (["iam"], ["creation"], "Somebody of another issuer was linked to a user"),
    Event.IDENTITY_UNLINKED: (["iam"], ["deletion"], "Somebody of another issuer is nobody's any more"),
    Event.WEBHOOK_FAIL: (["authentication"], ["denied"], "A message was not signed as it must be"),
    Event.WEBHOOK_REPLAYED: (["intrusion_detection", "web"], ["denied"], "A message was replayed"),
    Event.WEBHOOK_REPEATED: (["web"], ["access", "info"], "A message came again and was not taken again"),
    Event.CREDENTIAL_EXPOSED: (["intrusion_detection"], ["denied"], "A credential was sent where it leaks"),
    Event.AUTHZ_FAIL: (["web"], ["access", "denied"], "A request was not allowed"),
    Event.AUTHZ_CHANGE: (["iam"], ["change"], "What a user may do was changed"),
    Event.BANNED: (["web"], ["access", "denied"], "A request from a banned address or caller was refused"),
    Event.AUTHZ_UNDECIDED: (["web"], ["access", "error"], "A view answered without asking its policy"),
    Event.LIMIT_EXCEEDED: (["web"], ["access", "denied"], "A limit was reached"),
    Event.INPUT_FAIL: (["web"], ["access", "denied"], "Input was refused"),
    Event.CSRF_FAIL: (["intrusion_detection", "web"], ["denied"], "A cross-site request was refused"),
    Event.PROXY_FORGED: (["intrusion_detection", "network"], ["denied"], "A request posed as a proxy"),
    Event.PLAIN_HTTP: (["network", "web"], ["access", "denied"], "A request over plain HTTP was refused"),
    Event.BAN_CREATED: (["configuration"], ["creation"], "A ban or an allowed address was added"),
    Event.BAN_CHANGED: (["configuration"], ["change"], "A ban or an allowed address was changed"),
    Event.BAN_REMOVED: (["configuration"], ["deletion"], "A ban or an allowed address was removed"),
    Event.LOCKOUT_CLEARED: (["authentication"], ["change"], "A lockout was cleared"),
    Event.KEY_CREATED: (["configuration"], ["creation"], "A signing key was made"),
    Event.KEY_ROTATED: (["configuration"], ["change"], "The signing key was rotated"),
    Event.KEY_RETIRED: (["configuration"], ["deletion"], "A signing key was retired"),
    Event.ISSUER_KEYS: (["configuration"], ["change"], "The keys of another issuer have changed"),
    Event.ISSUER_AWAY: (["process"], ["error"], "The keys of another issuer cannot be had"),
    Event.ISSUER_BACK: (["process"], ["info"], "The keys of another issuer can be had again"),
    Event.SECRETS_CHANGED: (["configuration"], ["change"], "Secrets have other values"),
    Event.SECRETS_AWAY: (["process"], ["error"], "A place of secrets gives none"),
    Event.SECRETS_BACK: (["process"], ["info"], "A place of secrets gives them again"),
    Event.STATE_LOST: (["process"], ["error"], "The shared state was lost"),
    Event.STATE_LOADED: (["process"], ["info"], "The shared state was loaded again"),
    Event.STATE_AWAY: (["process"], ["error"], "The shared state is away"),
    Event.STATE_BACK: (["process"], ["info"], "The shared state answers again"),
    Event.EVENTS_DROPPED: (["process"], ["error"], "Events were dropped"),
}
_LOUDNESS = {Level.INFO: ("info", 3), Level.WARN: ("warn", 5), Level.CRITICAL: ("critical", 8)}


def _constants(event: Event) -> dict[str, Any]:
    category, kind, message = _MEANING[event]
    level, severity = _LOUDNESS[event.level]
    return {
        "log.level": level,
        "message": message,
        "ecs.version": VERSION,
        "event.kind": "alert" if event.level is Level.CRITICAL else "event",
        "event.dataset": "stockade.security",
        "event.action": event.tag,
        "event.category": category,
        "event.type": kind,
        "event.severity": severity,
    }


_CONSTANTS = {event.tag: _constants(event) for event in Event}


def sentence(event: Event) -> str:
    """What happened, in words."""
    return _MEANING[event][2]


def document(record: Record) -> dict[str, Any]:
    """The record as ECS names it: dotted keys, empty fields left out, values as JSON has them but for @timestamp.

    `http.route` is OpenTelemetry's name (the template, never the path: a path may hold what is private); what neither
    has a name for stands under `stockade.`.
    """
    found: dict[str, Any] = {"@timestamp": datetime.datetime.fromtimestamp(record.at, datetime.UTC)}
    found.update(_CONSTANTS[record.event.tag])
    found["event.outcome"] = record.outcome
    if record.reason:
        found["event.reason"] = record.reason
        if record.outcome == "failure":
            found["error.code"] = record.reason
    if record.status is not None:
        found["http.response.status_code"] = record.status
    if record.request_id:
        found["http.request.id"] = record.request_id
    if record.address:
        # ECS types source.ip as an address: "unknown" there would make the index refuse the whole event.
        found["source.address" if parse(record.address) is None else "source.ip"] = record.address
    if record.method:
        found["http.request.method"] = record.method
    if record.route:
        found["http.route"] = record.route
    if record.user_agent:
        found["user_agent.original"] = record.user_agent
    if record.subject:
        found["user.id"] = record.subject
    if record.account:
        found["user.name"] = record.account
    if record.scheme:
        found["stockade.scheme"] = record.scheme
    if record.credential:
        found["stockade.credential.id"] = record.credential
    if record.session:
        found["stockade.session.id"] = record.session
    if record.details:
        found["stockade.details"] = dict(record.details)
    return found
