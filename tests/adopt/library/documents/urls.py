from django.urls import path

from documents.views import readers

urlpatterns = [path("documents/<int:pk>/readers/", readers, name="document-readers")]
