"""The holes of tests/adopt/clinic, gone through: each function returns True while its attack succeeds.

They run in a process of the project itself (its folder on sys.path, its settings or a variant of them, Django set up),
with the test database of its runner, which has the clinics north and south. All at once, from the repository's root:

    python -m tests.adopt.attacks.clinic                                          # config.settings
    DJANGO_SETTINGS_MODULE=config.other python -m tests.adopt.attacks.clinic      # a variant

prints a JSON object from names to true or false, and leaves nothing behind. Each attack makes the people and data that
it needs, under names of its own, so that it can be run again. `client_factory` makes DRF's APIClient, or something like
it, from the same arguments.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent / "clinic"
EVIL = "https://evil.example"

Factory = Callable[..., Any]


# --- what the attacks share ---


def _enter(schema: str) -> None:
    """Make and read data in this clinic from here on: a request leaves the connection where it went."""
    from django.db import connection

    from tenancy.models import Clinic

    connection.set_schema_to_public()
    connection.set_tenant(Clinic.objects.get(schema_name=schema))


def _client(client_factory: Factory, schema: str = "north", **arguments: Any) -> Any:
    return client_factory(headers={"host": f"{schema}.example.test"}, **arguments)


def _user(**fields: Any) -> Any:
    from tenancy.testing import make_user

    return make_user(f"u{secrets.token_hex(6)}", **fields)


def _patient(**fields: Any) -> Any:
    from tenancy.testing import make_patient

    return make_patient(secrets.token_hex(6), **fields)


def _bearer(user: Any, scope: str = "read write") -> dict[str, str]:
    from tenancy.testing import bearer

    return dict(bearer(user, scope))


def _appointment(practitioner: Any, **fields: Any) -> Any:
    from django.utils import timezone

    from appointments.models import Appointment

    now = timezone.now().replace(microsecond=0)
    return Appointment.objects.create(
        patient=_patient(phone="555-0100"), practitioner=practitioner, **{"starts_at": now, **fields}
    )


# --- the attacks ---


def attack_tenant_unbound(client_factory: Factory) -> bool:
    """A token of one clinic is used in another, where the same number is somebody else."""
    number = 10**6 + secrets.randbelow(10**9)
    _enter("south")
    victim = _user(pk=number)
    _enter("north")
    headers = _bearer(_user(pk=number))
    response = _client(client_factory, "south").get("/api/whoami/", headers=headers)
    return response.status_code == 200 and response.json()["username"] == victim.username


def attack_cors_any_origin(client_factory: Factory) -> bool:
    """A page of another site reads the profile of whoever looks at it."""
    _enter("north")
    client = _client(client_factory)
    client.force_login(_user())
    response = client.get("/api/me/", headers={"origin": EVIL})
    return (
        response.status_code == 200
        and response.headers.get("access-control-allow-origin") == EVIL
        and response.headers.get("access-control-allow-credentials") == "true"
    )


def attack_writable_privilege(client_factory: Factory) -> bool:
    """A nurse makes herself a manager, and reads what is for managers."""
    _enter("north")
    client = _client(client_factory)
    client.force_login(_user())
    client.patch("/api/me/", {"is_staff": True}, format="json")
    return bool(client.get("/api/reports/2026/1/").status_code == 200)


def attack_order_by_anything(client_factory: Factory) -> bool:
    """The order of two colleagues tells the order of their password hashes."""
    from accounts.models import User

    _enter("north")
    name = secrets.token_hex(6)
    first, second = _user(), _user()
    for user, digest in ((first, "z"), (second, "a")):
        User.objects.filter(pk=user.pk).update(last_name=name, password=f"md5${digest}")
    headers = _bearer(_user())

    def order(by: str) -> list[int]:
        client = _client(client_factory)
        response = client.get("/api/colleagues/", {"search": name, "ordering": by}, headers=headers)
        return [each["id"] for each in response.json()["results"]] if response.status_code == 200 else []

    return order("password") == [second.pk, first.pk] and order("-password") == [first.pk, second.pk]


def attack_object_by_hand_in_an_action(client_factory: Factory) -> bool:
    """A nurse cancels the appointment of a colleague, which she may not even see."""
    _enter("north")
    appointment = _appointment(_user(role="physician"))
    client = _client(client_factory)
    client.force_login(_user())
    client.post(f"/api/appointments/{appointment.pk}/cancel/")
    _enter("north")
    appointment.refresh_from_db()
    return bool(appointment.status == "cancelled")


def attack_object_unchecked(client_factory: Factory) -> bool:
    """A letter is read by someone whom it was not sent to."""
    from appointments.models import Referral

    _enter("north")
    letter = Referral.objects.create(
        patient=_patient(), sender=_user(), recipient=_user(), letter="Between the two of us."
    )
    response = _client(client_factory).get(f"/api/referrals/{letter.pk}/", headers=_bearer(_user()))
    return response.status_code == 200 and response.json()["letter"] == letter.letter


def attack_anyone_reads(client_factory: Factory) -> bool:
    """A stranger reads who comes today, and the phone numbers."""
    from asgiref.sync import async_to_sync

    _enter("north")
    _appointment(_user(role="physician"))
    response = _client(client_factory).get("/reception/arrivals/")
    if not response.streaming:
        return False

    async def read() -> bytes:
        return b"".join([part async for part in response])

    return b"555-0100" in async_to_sync(read)()


def attack_anyone_writes(client_factory: Factory) -> bool:
    """A stranger tries codes until one is a patient's: her name is the answer."""
    _enter("north")
    code = f"{secrets.randbelow(10**6):06d}"
    appointment = _appointment(_user(role="physician"), code=code)
    client = _client(client_factory)
    # The last of the guesses is right: nothing but their number stands between a stranger and the rest of them.
    for guess in [*(f"{(int(code) + step) % 10**6:06d}" for step in range(40, 0, -1)), code]:
        client.post("/reception/check-in/", {"code": guess}, format="json")
    _enter("north")
    appointment.refresh_from_db()
    return bool(appointment.status == "arrived")


def attack_csrf_exempt(client_factory: Factory) -> bool:
    """A form on another site moves an appointment; the browser of a signed-in practitioner sends her cookie along."""
    _enter("north")
    practitioner = _user(role="physician")
    appointment = _appointment(practitioner)
    client = _client(client_factory, enforce_csrf_checks=True)
    client.force_login(practitioner)
    moved = appointment.starts_at + datetime.timedelta(days=30)
    form = {"appointment": appointment.pk, "starts_at": moved.isoformat()}
    client.post("/reception/move/", form, format="multipart", headers={"origin": EVIL})
    _enter("north")
    appointment.refresh_from_db()
    return bool(appointment.starts_at == moved)


def attack_list_leaks(client_factory: Factory) -> bool:
    """The list gives a note that the detail route refuses."""
    from records.models import Note

    _enter("north")
    note = Note.objects.create(patient=_patient(), author=_user(), text="Nobody else's business.")
    headers = _bearer(_user())
    client = _client(client_factory)
    refused = client.get(f"/api/notes/{note.pk}/", headers=headers).status_code in (403, 404)
    listed = client.get("/api/notes/", {"patient": note.patient_id}, headers=headers)
    return refused and listed.status_code == 200 and note.text in listed.content.decode()


def attack_unbounded_list(client_factory: Factory) -> bool:
    """One request makes the service read and send its whole table."""
    from records.models import LabResult

    _enter("north")
    test, patient, physician = secrets.token_hex(6), _patient(), _user(role="physician")
    LabResult.objects.bulk_create(
        LabResult(patient=patient, ordered_by=physician, test=test, value=str(number))
        for number in range(1500)
    )
    response = _client(client_factory).get("/api/results/", headers=_bearer(None, "results"))
    return response.status_code == 200 and response.content.decode().count(test) == 1500


def attack_object_by_hand_in_an_async_view(client_factory: Factory) -> bool:
    """A nurse counts through the results of everybody."""
    from records.models import LabResult

    _enter("north")
    result = LabResult.objects.create(
        patient=_patient(), ordered_by=_user(role="physician"), test="HIV", value="a secret"
    )
    client = _client(client_factory)
    client.force_login(_user())
    response = client.get(f"/api/results/{result.pk}/card/")
    return response.status_code == 200 and response.json()["value"] == result.value


def attack_basic_auth(client_factory: Factory) -> bool:
    """A password is guessed: after forty wrong ones the right one is still tried."""
    from tenancy.testing import PASSWORD

    _enter("north")
    manager = _user(is_staff=True)
    client = _client(client_factory)
    status = 0
    for guess in [*(f"{PASSWORD}{number}" for number in range(40)), PASSWORD]:
        basic = base64.b64encode(f"{manager.username}:{guess}".encode()).decode()
        status = client.get("/api/reports/2026/1/", headers={"authorization": f"Basic {basic}"}).status_code
    return status == 200


def attack_pages_of_the_toolkit(client_factory: Factory) -> bool:
    """A nurse registers a client for herself, gives it every scope, and collects all results. No report tells it."""
    from records.models import LabResult

    _enter("north")
    LabResult.objects.create(
        patient=_patient(), ordered_by=_user(role="physician"), test="HIV", value="a secret"
    )
    client = _client(client_factory)
    client.force_login(_user())
    name, secret = secrets.token_hex(12), secrets.token_urlsafe(24)
    kind = {"client_type": "confidential", "authorization_grant_type": "client-credentials", "algorithm": ""}
    form = {"name": "Mine", "client_id": name, "client_secret": secret, "hash_client_secret": "on", **kind}
    client.post("/o/applications/register/", form, format="multipart")
    basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
    issued = _client(client_factory).post(
        "/o/token/",
        {"grant_type": "client_credentials", "scope": "results"},
        format="multipart",
        headers={"authorization": f"Basic {basic}"},
    )
    token = issued.json().get("access_token", "")
    response = _client(client_factory).get("/api/results/", headers={"authorization": f"Bearer {token}"})
    return response.status_code == 200 and "a secret" in response.content.decode()


# --- what was closed before, and must be so after a move ---


def gain_a_client_passes_for_staff(client_factory: Factory) -> bool:
    """A laboratory's client, which no user stands behind, reads the phone book."""
    _enter("north")
    answer = _client(client_factory).get("/api/colleagues/", headers=_bearer(None))
    return bool(answer.status_code == 200)


def gain_a_cookie_collects_results(client_factory: Factory) -> bool:
    """A nurse opens the feed of the laboratories in her browser."""
    _enter("north")
    client = _client(client_factory)
    client.force_login(_user())
    return bool(client.get("/api/results/").status_code == 200)


def gain_a_token_works_the_screens(client_factory: Factory) -> bool:
    """An app that may collect results, and no more, asks whom its user sees next."""
    _enter("north")
    answer = _client(client_factory).get("/reception/next/", headers=_bearer(_user(), "results"))
    return bool(answer.status_code == 200)


ATTACKS = {name: attack for name, attack in list(globals().items()) if name.startswith("attack_")}


def main() -> None:
    """Run them all against a database of their own, and print what succeeded."""
    from tests.adopt.postgres import database

    with database("clinic") as variables:
        os.environ.update(variables)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        os.chdir(PROJECT)
        sys.path.insert(0, str(PROJECT))
        sys.argv = ["manage.py", "test"]  # the project's settings look for this word
        import django

        django.setup()
        from django.conf import settings
        from django.test.utils import get_runner
        from rest_framework.test import APIClient

        runner = get_runner(settings)(verbosity=0, interactive=False)
        runner.setup_test_environment()
        made = runner.setup_databases()
        try:
            print(json.dumps({name: attack(APIClient) for name, attack in ATTACKS.items()}, indent=2))
        finally:
            runner.teardown_databases(made)
            runner.teardown_test_environment()


if __name__ == "__main__":
    main()
