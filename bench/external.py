"""The stack whose tokens another issuer makes: its keys are known to the database, so nothing is fetched."""

from __future__ import annotations

import json
import time
from typing import Any

from bench.rows import Place, Row
from bench.stacks import Issued, Stockade

ISSUER = "https://id.bench.example/"
AUDIENCE = "https://api.bench.example"
HOUR = 3600


class StockadeExternal(Stockade):
    """The same with RS256 tokens of another issuer, each subject linked to a user."""

    def settings(self, row: Row, place: Place) -> dict[str, Any]:
        values = super().settings(row, place)
        entry = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "REFRESH": 12 * HOUR, "BACK_OFF": HOUR}
        ours = {**values["STOCKADE"], "SCHEMES": ["external"], "ISSUERS": {"bench": entry}}
        return {**values, "STOCKADE": ours}

    def issue(self, users: list[Any]) -> list[Issued]:
        from django.db import transaction
        from joserfc import jwt
        from joserfc.jwk import RSAKey

        from stockade.core import clock
        from stockade.models import IssuerKeys
        from stockade.schemes.external import link

        key = RSAKey.generate_key(2048)
        header = {"typ": "at+jwt", "alg": "RS256", "kid": "bench"}
        public = {**key.as_dict(private=False), "kid": "bench", "use": "sig"}
        now = int(time.time())
        times = {"iat": now, "exp": now + 12 * HOUR}
        issued = []
        with transaction.atomic():
            at = clock.now_datetime()
            IssuerKeys.objects.update_or_create(
                pk=ISSUER,
                defaults={"document": json.dumps({"keys": [public]}), "fetched_at": at, "attempted_at": at},
            )
            for user in users:
                subject = f"user-{user.pk}"
                link(user, "bench", subject)
                claims = {
                    "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "client_id": "spa", "scope": "read",
                    "jti": f"token-{user.pk}", **times,
                }  # fmt: skip
                issued.append(Issued(f"Bearer {jwt.encode(header, claims, key)}"))
        return issued
