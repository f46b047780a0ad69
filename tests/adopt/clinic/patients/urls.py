from rest_framework.routers import SimpleRouter

from patients import views

router = SimpleRouter()
router.register("patients", views.PatientViewSet)
router.register("allergies", views.AllergyViewSet)

urlpatterns = router.urls
