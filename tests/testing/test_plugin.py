"""The plugin in projects of their own: one that uses it, one that does not, one without Django."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]

SETTINGS = """
SECRET_KEY = "x"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "stockade"]
MIDDLEWARE = ["stockade.web.Middleware"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "urls"
USE_TZ = True
STOCKADE = {
    "STATE": "lmdb:///nowhere/at/all",
    "SCHEMES": ["jwt"],
    "LIMITS": {"anon": "3/min", "user": "100/min"},
}
"""
URLS = """
from django.http import JsonResponse
from django.urls import path
from stockade.policy import Authenticated, Public, Role
from stockade.web import protect

@protect(policy=Public())
def public(request):
    return JsonResponse({})

@protect(policy=Authenticated())
def private(request):
    return JsonResponse({"user": request.user.username})

@protect(policy=Role("Editors"))
def editors(request):
    return JsonResponse({})

urlpatterns = [path("public/", public), path("private/", private), path("editors/", editors)]
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Run pytest in a process of its own, in a fresh folder, with the plugins that are installed."""
    for name in ("PYTEST_ADDOPTS", "DJANGO_SETTINGS_MODULE", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    monkeypatch.setattr(pytester, "_method", "subprocess")

    def run_project(
        tests: str, *options: str, settings: str | None = SETTINGS, ini: str = ""
    ) -> pytest.RunResult:
        head = "[pytest]\nfilterwarnings = error\n"
        if settings is not None:
            pytester.makepyfile(project_settings=settings, urls=URLS)
            head += "DJANGO_SETTINGS_MODULE = project_settings\n"
        pytester.makefile(".ini", pytest=head + ini)
        pytester.makepyfile(test_it=tests)
        return pytester.runpytest_subprocess(*options, timeout=120)

    return run_project


def test_the_fixtures(run):
    result = run(
        """
        import pytest
        from django.contrib.auth.models import User
        from stockade.events import Event
        from stockade.gate.registry import get_gate

        pytestmark = pytest.mark.django_db

        @pytest.fixture
        def alice():
            return User.objects.create_user("alice")

        def test_as_principal(as_principal, client, alice):
            assert client.get("/private/").status_code == 401
            as_principal(alice, roles=["Editors"])
            assert client.get("/private/").json() == {"user": "alice"}
            assert client.get("/editors/").status_code == 200

        def test_as_nobody_again(client):
            assert client.get("/private/").status_code == 401

        def test_clients(stockade_client, stockade_api_client, alice):
            assert stockade_client.as_principal(alice).get("/editors/").status_code == 403
            assert stockade_api_client.as_principal(alice, roles=["Editors"]).get("/editors/").status_code == 200

        def test_events(captured_events, client):
            client.get("/private/")
            assert captured_events.one(Event.AUTHZ_FAIL).status == 401

        def test_time(moving_time, client):
            assert [client.get("/public/").status_code for _ in range(4)] == [200, 200, 200, 429]
            moving_time.forward("1m")
            moving_time.forward("1s")
            assert client.get("/public/").status_code == 200

        def test_settings(stockade_settings, client):
            stockade_settings(LIMITS={"anon": "1/min"})
            assert [client.get("/public/").status_code for _ in range(2)] == [200, 429]

        @pytest.mark.parametrize("n", range(3))
        def test_each_test_starts_clean(client, n, django_assert_num_queries):
            with django_assert_num_queries(0):
                assert [client.get("/public/").status_code for _ in range(4)] == [200, 200, 200, 429]

        def test_runs_in_memory():
            assert get_gate().url == "memory://"
        """
    )
    result.assert_outcomes(passed=10)


def test_unittest_classes_under_pytest_and_their_settings(run):
    result = run(
        """
        from django.contrib.auth.models import User
        from django.test import TestCase
        from stockade import conf
        from stockade.events import Event
        from stockade.testing import StockadeTestCase, stockade_settings

        class PlainTests(TestCase):
            def test_clean(self):
                for _ in range(3):
                    self.assertEqual(self.client.get("/public/").status_code, 200)
                self.assertEqual(self.client.get("/public/").status_code, 429)
            test_clean_again = test_clean

        class MixedTests(StockadeTestCase, TestCase):
            @classmethod
            def setUpTestData(cls):
                cls.alice = User.objects.create_user("alice")

            def test_client(self):
                self.assertEqual(self.client.as_principal(self.alice).get("/private/").json(), {"user": "alice"})

            def test_block_events_and_time(self):
                with self.as_principal(self.alice):
                    self.assertEqual(self.client.get("/editors/").status_code, 403)
                self.assertEqual(self.events.one().event, Event.AUTHZ_FAIL)
                self.time.forward("1d")

        @stockade_settings(LIMITS={"anon": "1/min"})
        class SettingsTests(TestCase):
            def test_settings(self):
                self.assertEqual(conf.raw()["LIMITS"], {"anon": "1/min", "user": "100/min"})
                self.assertEqual([self.client.get("/public/").status_code for _ in range(2)], [200, 429])
            test_settings_again = test_settings
        """
    )
    result.assert_outcomes(passed=6)


def test_beside_a_test_case_of_drf_the_client_is_drfs(run):
    result = run(
        """
        from django.contrib.auth.models import User
        from django.test import TestCase
        from rest_framework.test import APIClient, APITestCase
        from stockade.testing import StockadeTestCase

        class OwnClient(APIClient):
            own = True

        class BaseTests(StockadeTestCase, APITestCase):
            def test_client(self):
                self.assertIsInstance(self.client, APIClient)
                alice = User.objects.create_user("alice")
                self.client.credentials(HTTP_X_SOMETHING="1")
                self.assertEqual(self.client.get("/private/", format="json").status_code, 401)
                self.assertEqual(self.client.as_principal(alice).get("/private/").json(), {"user": "alice"})

        class DerivedTests(BaseTests):
            pass

        class OwnClientTests(StockadeTestCase, TestCase):
            client_class = OwnClient

            def test_client(self):
                self.assertTrue(self.client.own)
                alice = User.objects.create_user("alice")
                self.assertEqual(self.client.as_principal(alice).get("/private/").json(), {"user": "alice"})
        """
    )
    result.assert_outcomes(passed=3)


def test_with_several_workers(run):
    result = run(
        """
        import pytest

        @pytest.mark.django_db
        @pytest.mark.parametrize("n", range(12))
        def test_each_test_starts_clean(client, n, captured_events):
            assert [client.get("/public/").status_code for _ in range(4)] == [200, 200, 200, 429]
            assert len(captured_events) == 1
        """,
        "-n",
        "2",
    )
    result.assert_outcomes(passed=12)


def test_the_projects_own_state_on_demand(run, pytester):
    result = run(
        """
        import pytest
        from stockade.gate.registry import get_gate

        @pytest.mark.django_db
        @pytest.mark.parametrize("n", range(2))
        def test_state(client, n):
            assert get_gate().url.startswith("lmdb://")
            assert [client.get("/public/").status_code for _ in range(4)] == [200, 200, 200, 429]
        """,
        settings=SETTINGS.replace("/nowhere/at/all", str(pytester.path / "state")),
        ini="stockade_state = settings\n",
    )
    result.assert_outcomes(passed=2)


def test_a_project_without_a_stockade_setting_is_left_alone(run):
    result = run(
        """
        import sys

        def test_nothing_happened():
            from stockade import conf
            from stockade.gate import registry
            assert not conf.configured()
            assert registry._gate is None
            assert "stockade.testing.state" not in sys.modules or not sys.modules["stockade.testing.state"]._override
        """,
        settings=SETTINGS.partition("STOCKADE")[0],
    )
    result.assert_outcomes(passed=1)


def test_a_project_that_does_not_install_the_app_is_left_alone(run):
    result = run(
        """
        import sys

        def test_nothing_was_imported():
            found = {name for name in sys.modules if name.startswith("stockade")}
            assert found <= {"stockade", "stockade.testing", "stockade.testing.plugin"}, found
        """,
        settings=SETTINGS.replace(', "stockade"]', "]").replace('"stockade.web.Middleware"', ""),
    )
    result.assert_outcomes(passed=1)


def test_a_project_without_django_is_left_alone(run):
    result = run(
        """
        import sys

        def test_nothing_was_imported():
            found = {name for name in sys.modules if name.startswith("stockade")}
            assert found <= {"stockade", "stockade.testing", "stockade.testing.plugin"}, found
            assert "django.db" not in sys.modules
            assert "rest_framework" not in sys.modules
        """,
        "-p",
        "no:django",
        settings=None,
    )
    result.assert_outcomes(passed=1)


def test_without_pytest(pytester, monkeypatch):
    """Django's own runner, with the mixin."""
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "project_settings")
    pytester.makepyfile(
        project_settings=SETTINGS,
        urls=URLS,
        test_it="""
        from django.contrib.auth.models import User
        from django.test import TestCase
        from stockade.events import Event
        from stockade.gate.registry import get_gate
        from stockade.testing import StockadeTestCase

        class Tests(StockadeTestCase, TestCase):
            def test_all(self):
                self.assertEqual(get_gate().url, "memory://")
                answers = [self.client.get("/public/").status_code for _ in range(4)]
                self.assertEqual(answers, [200, 200, 200, 429])
                self.assertEqual(self.events.one().event, Event.LIMIT_EXCEEDED)
                alice = User.objects.create_user("alice")
                with self.as_principal(alice, roles=["Editors"]):
                    self.assertEqual(self.client.get("/editors/").status_code, 200)
                self.time.forward("1d")
            test_again = test_all
        """,
    )
    result = pytester.run(sys.executable, "-m", "django", "test", timeout=120)
    assert result.ret == 0
    result.stderr.fnmatch_lines(["Ran 2 tests in *"])
