from django.urls import include, path
from rest_framework.routers import SimpleRouter

from records import views

router = SimpleRouter()
router.register("notes", views.NoteViewSet)
router.register("medications", views.MedicationViewSet)
router.register("prescriptions", views.PrescriptionViewSet)

urlpatterns = [
    path("results/", views.ResultFeed.as_view(), name="result-feed"),
    path("results/<int:pk>/", views.LabResultView.as_view(), name="result"),
    path("results/<int:pk>/card/", views.result_card, name="result-card"),
    path("results/<int:pk>/acknowledge/", views.acknowledge, name="result-acknowledge"),
    path("", include(router.urls)),
]
