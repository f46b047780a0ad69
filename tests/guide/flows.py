"""What clients and attackers of the guide's example do; prints which of it works, as JSON.

Run it in a project's folder, by that project's interpreter.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

sys.path.insert(0, str(Path.cwd()))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

PASSWORD = "correct horse battery staple"
ORIGIN = "https://your-frontend.example"
client = Client(SERVER_NAME="localhost", raise_request_exception=False)


def post(path: str, body: dict[str, str], **headers: str) -> Any:
    return client.post(path, body, "application/json", secure=True, headers=headers)


def login(name: str, password: str = PASSWORD, **headers: str) -> Any:
    return post("/api/token/", {"username": name, "password": password}, **headers)


def profile(access: str, **headers: str) -> Any:
    return client.get("/api/profile/", secure=True, headers={"authorization": f"Bearer {access}", **headers})


def make(name: str) -> Any:
    return get_user_model().objects.create_user(name, f"{name}@example.com", PASSWORD)


# -- what clients do ---------------------------------------------------------------------------------------------------


def works_profile() -> bool:
    """Log in and read one's own profile."""
    make("anna")
    tokens = login("anna").json()
    return profile(tokens["access"]).json() == {"username": "anna", "email": "anna@example.com"}


def works_refresh() -> bool:
    """Get another access token when the first runs out."""
    make("rita")
    tokens = login("rita").json()
    fresh = post("/api/token/refresh/", {"refresh": tokens["refresh"]}).json()
    return profile(fresh["access"]).status_code == 200


def works_nobody() -> bool:
    """Without a token: 401, and which to bring."""
    answer = client.get("/api/profile/", secure=True)
    return answer.status_code == 401 and answer["WWW-Authenticate"].startswith("Bearer ")


def works_cors() -> bool:
    """The front end's page may read, another page may not."""
    make("cora")
    access = login("cora").json()["access"]
    ours, theirs = profile(access, origin=ORIGIN), profile(access, origin="https://evil.example")
    return ours["Access-Control-Allow-Origin"] == ORIGIN and "Access-Control-Allow-Origin" not in theirs


def works_preflight() -> bool:
    """The browser's question before the front end sends its token."""
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    answer = client.options("/api/profile/", secure=True, headers=asked)
    return answer.status_code == 200 and "authorization" in answer["Access-Control-Allow-Headers"].lower()


# -- what attackers do -------------------------------------------------------------------------------------------------


def attack_stolen_refresh() -> bool:
    """A refresh token that was copied is used after its owner has used it."""
    make("bert")
    tokens = login("bert").json()
    again = post("/api/token/refresh/", {"refresh": tokens["refresh"]}).json()
    for _ in range(2):  # the first would be forgiven to an answer that was lost on the way
        if "refresh" in again:
            again = post("/api/token/refresh/", {"refresh": again["refresh"]}).json()
    return bool(post("/api/token/refresh/", {"refresh": tokens["refresh"]}).status_code == 200)


def attack_after_password_change() -> bool:
    """A stolen access token after its owner has changed the password."""
    user = make("paul")
    access = login("paul").json()["access"]
    user.set_password("another correct horse")
    user.save()
    return bool(profile(access).status_code == 200)


def attack_refresh_after_password_change() -> bool:
    """The same with a stolen refresh token: it lasts a day there, and gives a new access token each time."""
    user = make("dora")
    tokens = login("dora").json()
    user.set_password("another correct horse")
    user.save()
    return bool(post("/api/token/refresh/", {"refresh": tokens["refresh"]}).status_code == 200)


def attack_guessing() -> bool:
    """Ten passwords of one account, each from an address that was made up."""
    make("gina")
    tried = [login("gina", f"guess {n}", **{"x-forwarded-for": f"198.51.100.{n}"}) for n in range(10)]
    return all(answer.status_code == 401 for answer in tried)


def attack_parallel_guessing() -> bool:
    """Eight guesses at once, so that the limit counts them as one."""
    make("hugo")
    statuses: list[int] = []
    barrier = Barrier(8)

    def guess(n: int) -> None:
        one = Client(SERVER_NAME="localhost", raise_request_exception=False)
        barrier.wait(30)
        body = {"username": "hugo", "password": f"guess {n}"}
        answer = one.post("/api/token/", body, "application/json", secure=True)
        statuses.append(answer.status_code)

    threads = [Thread(target=guess, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return statuses.count(401) > 5


def attack_forged_secret() -> bool:
    """A token of one's own making, signed with the SECRET_KEY that stands in an old backup."""
    import hashlib
    import hmac
    import time

    from django.conf import settings

    user = make("fred")

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    now = int(time.time())
    claims = {"token_type": "access", "user_id": str(user.pk), "exp": now + 300, "iat": now, "jti": "0" * 32}
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    mac = hmac.new(settings.SECRET_KEY.encode(), signed, hashlib.sha256).digest()
    token = (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()
    return bool(profile(token).status_code == 200)


def attack_forgotten_policy() -> bool:
    """A view that somebody adds as a plain Django view, and forgets to protect."""
    from django.http import JsonResponse
    from django.urls import path

    from config import urls

    urls.urlpatterns.append(path("api/export/", lambda request: JsonResponse({"everything": True})))
    return bool(client.get("/api/export/", secure=True).status_code == 200)


def attack_plain_http() -> bool:
    """Whoever listens reads the token of a client that was given http://."""
    make("hans")
    access = login("hans").json()["access"]
    answer = client.get("/api/profile/", headers={"authorization": f"Bearer {access}"})
    return bool(answer.status_code == 200)


def attack_framing() -> bool:
    """An answer is framed, sniffed or kept by a shared cache."""
    make("kurt")
    answer = profile(login("kurt").json()["access"])
    wanted = (
        "Content-Security-Policy",
        "Strict-Transport-Security",
        "X-Content-Type-Options",
        "Cache-Control",
    )
    return not all(name in answer for name in wanted)


def main() -> None:
    call_command("migrate", verbosity=0)
    found: dict[str, bool] = {}
    for name, flow in list(globals().items()):
        if name.startswith(("works_", "attack_")):
            found[name] = bool(flow())
            from django.core.cache import cache

            cache.clear()  # the stock throttle counts all of these as one client of "50/day"
    print(json.dumps(found))


if __name__ == "__main__":
    main()
