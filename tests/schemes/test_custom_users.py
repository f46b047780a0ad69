"""A project whose users have a UUID for a key, an address for a name, no groups, and an `is_active` of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AbstractUser
from django.db import models

from stockade.schemes.shape import UserState, shape_of
from tests.servers import ROOT

MODELS = """
import uuid
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

class Manager(BaseUserManager):
    def make(self, email, password):
        user = self.model(email=email)
        user.set_password(password)
        user.save()
        return user

class Person(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    status = models.CharField(max_length=10, default="employed")
    USERNAME_FIELD = "email"
    objects = Manager()

    @property
    def is_active(self):
        return self.status != "left"
"""
SETTINGS = """
from pathlib import Path
from tests.settings import *
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "people", "stockade"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(__file__).parent / "db.sqlite3")}}
AUTH_USER_MODEL = "people.Person"
ROOT_URLCONF = "tests.schemes.urls"
MIDDLEWARE = ["stockade.web.Middleware"]
REST_FRAMEWORK = {"EXCEPTION_HANDLER": "stockade.drf.exceptions.exception_handler", "UNAUTHENTICATED_USER": None}
STOCKADE = {"STATE": "memory://", "EVENTS": {"SINKS": ["database"]}}
"""
SCRIPT = """
import json, django
django.setup()
from django.core.management import call_command
call_command("makemigrations", "people", verbosity=0)
call_command("migrate", verbosity=0)
from django.test import Client
from people.models import Person

def post(path, body, **headers):
    return Client().post(path, json.dumps(body), content_type="application/json", **headers)

person = Person.objects.make("ann@example.com", "correct horse")
assert post("/api/token/", {"username": "ann@example.com", "password": "correct horse"}).status_code == 400
assert post("/api/token/", {"email": "ann@example.com", "password": "wrong"}).status_code == 401
answer = post("/api/token/", {"email": "ann@example.com", "password": "correct horse"})
assert answer.status_code == 200, answer.content
bearer = {"HTTP_AUTHORIZATION": "Bearer " + answer.json()["access"]}
listed = Client().get("/api/sessions/", **bearer)
assert (listed.status_code, len(listed.json())) == (200, 1), listed.content
answer = post("/api/token/refresh/", {"refresh": answer.json()["refresh"]})
assert answer.status_code == 200, answer.content
person.status = "left"
person.save()
assert Client().get("/api/sessions/", **bearer).status_code == 401
assert post("/api/token/refresh/", {"refresh": answer.json()["refresh"]}).status_code == 401
assert post("/api/token/", {"email": "ann@example.com", "password": "correct horse"}).status_code == 401
person.status = "employed"
person.save()
assert Client().get("/api/sessions/", **bearer).status_code == 200
person.set_password("another")
person.save()
assert Client().get("/api/sessions/", **bearer).status_code == 401
assert post("/api/token/refresh/", {"refresh": answer.json()["refresh"]}).status_code == 401
print("fine")
"""


HIDING_MODELS = """
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

class Manager(BaseUserManager):
    def get_queryset(self):
        return super().get_queryset().filter(deleted_at=None)

    def make(self, email, password):
        user = self.model(email=email)
        user.set_password(password)
        user.save()
        return user

class Person(AbstractBaseUser):
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    deleted_at = models.DateTimeField(null=True)
    USERNAME_FIELD = "email"
    objects = Manager()
"""
HIDING_SCRIPT = """
import json, django
django.setup()
from django.core.management import call_command
call_command("makemigrations", "people", verbosity=0)
call_command("migrate", verbosity=0)
from django.test import Client
from django.utils import timezone
from people.models import Person

def post(path, body, **headers):
    return Client().post(path, json.dumps(body), content_type="application/json", **headers)

person = Person.objects.make("ann@example.com", "correct horse")
answer = post("/api/token/", {"email": "ann@example.com", "password": "correct horse"})
refresh, bearer = answer.json()["refresh"], {"HTTP_AUTHORIZATION": "Bearer " + answer.json()["access"]}
assert Client().get("/api/sessions/", **bearer).status_code == 200
person.deleted_at = timezone.now()
person.save()
assert Client().get("/api/sessions/", **bearer).status_code == 401
for path, body in (("", {"email": "ann@example.com", "password": "correct horse"}), ("refresh/", {"refresh": refresh}),
                   ("verify/", {"token": refresh}), ("verify/", {"token": answer.json()["access"]})):
    assert post("/api/token/" + path, body).status_code == 401, path
person.deleted_at = None
person.save()
assert Client().get("/api/sessions/", **bearer).status_code == 200
assert post("/api/token/refresh/", {"refresh": refresh}).status_code == 200
print("fine")
"""


@pytest.mark.parametrize(
    ("models_text", "script"),
    [(MODELS, SCRIPT), (HIDING_MODELS, HIDING_SCRIPT)],
    ids=["UUID and a rule", "deleted users are hidden by their manager"],
)
def test_everything_works_with_users_of_the_projects_own(
    models_text: str, script: str, tmp_path: Path
) -> None:
    (tmp_path / "people" / "migrations").mkdir(parents=True)
    for folder in ("people", "people/migrations"):
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "people" / "models.py").write_text(models_text)
    (tmp_path / "own_settings.py").write_text(SETTINGS)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "DJANGO_SETTINGS_MODULE": "own_settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "fine", done.stderr


class Nobody(AbstractBaseUser):
    """Has a password and nothing else."""

    class Meta:
        abstract = True


class Retired(AbstractBaseUser):
    """Is active by a rule of its own, which no column holds."""

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return True

    class Meta:
        abstract = True


class Everything(AbstractUser):
    """As Django's own."""

    class Meta:
        abstract = True


@pytest.mark.parametrize(
    ("model", "columns", "group", "values", "state"),
    [
        (Nobody, ("u__password",), (), ["hash"], UserState(True, False, "hash")),
        (
            Everything,
            ("u__is_active", "u__is_superuser", "u__password"),
            ("u__groups__name",),
            [True, True, "hash"],
            UserState(True, True, "hash"),
        ),
        # Neither a column nor plainly True: it cannot be told from columns, and what cannot be told is refused.
        (Retired, ("u__password",), (), ["hash"], UserState(False, False, "hash")),
    ],
)
def test_only_what_a_user_model_has_is_asked_for(
    model: type[models.Model],
    columns: tuple[str, ...],
    group: tuple[str, ...],
    values: list[object],
    state: UserState,
) -> None:
    shape = shape_of(model, "u__")
    assert (shape.columns, shape.group) == (columns, group)
    assert shape.read(values) == state
