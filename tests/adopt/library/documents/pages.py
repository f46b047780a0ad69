from django.urls import path

from documents.views import download, excerpt

urlpatterns = [
    path("documents/<int:pk>/download/", download, name="document-download"),
    path("documents/<int:pk>/excerpt/", excerpt, name="document-excerpt"),
]
