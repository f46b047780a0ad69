"""Everything that can stand in the security log, named after the OWASP Application Logging Vocabulary."""

from __future__ import annotations

from enum import Enum


class Level(Enum):
    """How loud an event is."""

    INFO = "INFO"
    WARN = "WARN"
    CRITICAL = "CRITICAL"


class Kind(Enum):
    """Which promise an event carries: what is always kept, and what only by setting."""

    REFUSAL = "refusal"  # always; through the bounded queue
    LIFE = "life"  # the life of credentials: always; in the change's own transaction
    SUCCESS = "success"  # by setting
    SYSTEM = "system"  # always


class Event(Enum):
    """One closed catalogue: value, level, kind."""

    LOGIN_SUCCESS = ("authn_login_success", Level.INFO, Kind.LIFE)
    LOGIN_FAIL = ("authn_login_fail", Level.WARN, Kind.REFUSAL)
    LOGIN_LOCK = ("authn_login_lock", Level.WARN, Kind.REFUSAL)
    PASSWORD_CHANGE = ("authn_password_change", Level.INFO, Kind.LIFE)
    TOKEN_CREATED = ("authn_token_created", Level.INFO, Kind.LIFE)
    TOKEN_REFRESHED = ("authn_token_refreshed", Level.INFO, Kind.LIFE)
    TOKEN_REVOKED = ("authn_token_revoked", Level.WARN, Kind.LIFE)
    TOKEN_REUSE = ("authn_token_reuse", Level.CRITICAL, Kind.LIFE)
    SESSION_ENDED = ("session_ended", Level.INFO, Kind.LIFE)
    AUTHN_FAIL = ("authn_credential_fail", Level.WARN, Kind.REFUSAL)
    AUTHN_SUCCESS = ("authn_credential_success", Level.INFO, Kind.SUCCESS)
    STEP_UP_REQUIRED = ("authn_step_up_required", Level.INFO, Kind.REFUSAL)
    STEP_UP = ("authn_step_up", Level.INFO, Kind.LIFE)
    IDENTITY_LINKED = ("authn_identity_linked", Level.INFO, Kind.LIFE)
    IDENTITY_UNLINKED = ("authn_identity_unlinked", Level.WARN, Kind.LIFE)
    WEBHOOK_FAIL = ("webhook_signature_fail", Level.WARN, Kind.REFUSAL)
    WEBHOOK_REPLAYED = ("webhook_replayed", Level.WARN, Kind.REFUSAL)
    WEBHOOK_REPEATED = ("webhook_repeated", Level.INFO, Kind.REFUSAL)
    CREDENTIAL_EXPOSED = ("authn_credential_exposed", Level.CRITICAL, Kind.REFUSAL)
    AUTHZ_FAIL = ("authz_fail", Level.WARN, Kind.REFUSAL)
    AUTHZ_CHANGE = ("authz_change", Level.WARN, Kind.LIFE)
    BANNED = ("authz_banned", Level.WARN, Kind.REFUSAL)
    AUTHZ_UNDECIDED = ("authz_undecided", Level.CRITICAL, Kind.REFUSAL)
    LIMIT_EXCEEDED = ("excess_rate_limit_exceeded", Level.WARN, Kind.REFUSAL)
    INPUT_FAIL = ("input_validation_fail", Level.WARN, Kind.REFUSAL)
    CSRF_FAIL = ("malicious_csrf", Level.WARN, Kind.REFUSAL)
    PROXY_FORGED = ("malicious_proxy", Level.WARN, Kind.REFUSAL)
    PLAIN_HTTP = ("transport_plain_http", Level.WARN, Kind.REFUSAL)
    BAN_CREATED = ("ban_created", Level.WARN, Kind.LIFE)
    BAN_CHANGED = ("ban_changed", Level.WARN, Kind.LIFE)
    BAN_REMOVED = ("ban_removed", Level.WARN, Kind.LIFE)
    LOCKOUT_CLEARED = ("lockout_cleared", Level.WARN, Kind.LIFE)
    KEY_CREATED = ("crypt_key_created", Level.INFO, Kind.LIFE)
    KEY_ROTATED = ("crypt_key_rotated", Level.WARN, Kind.LIFE)
    KEY_RETIRED = ("crypt_key_retired", Level.WARN, Kind.LIFE)
    ISSUER_KEYS = ("crypt_issuer_keys_changed", Level.INFO, Kind.SYSTEM)
    ISSUER_AWAY = ("sys_issuer_away", Level.WARN, Kind.SYSTEM)
    ISSUER_BACK = ("sys_issuer_back", Level.INFO, Kind.SYSTEM)
    SECRETS_CHANGED = ("crypt_secret_changed", Level.WARN, Kind.SYSTEM)
    SECRETS_AWAY = ("sys_secrets_away", Level.CRITICAL, Kind.SYSTEM)
    SECRETS_BACK = ("sys_secrets_back", Level.WARN, Kind.SYSTEM)
    STATE_LOST = ("sys_state_lost", Level.CRITICAL, Kind.SYSTEM)
    STATE_LOADED = ("sys_state_loaded", Level.WARN, Kind.SYSTEM)
    STATE_AWAY = ("sys_state_away", Level.CRITICAL, Kind.SYSTEM)
    STATE_BACK = ("sys_state_back", Level.WARN, Kind.SYSTEM)
    EVENTS_DROPPED = ("sys_events_dropped", Level.CRITICAL, Kind.SYSTEM)

    def __init__(self, tag: str, level: Level, kind: Kind) -> None:
        self.tag, self.level, self.kind = tag, level, kind
