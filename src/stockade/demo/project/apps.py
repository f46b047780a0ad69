"""The Django app of the project: templates and static files of its pages."""

from __future__ import annotations

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """Has no models."""

    name = "stockade.demo.project"
    label = "stockade_demo_project"
