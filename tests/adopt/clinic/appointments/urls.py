from rest_framework.routers import SimpleRouter

from appointments import views

router = SimpleRouter()
router.register("appointments", views.AppointmentViewSet)
router.register("referrals", views.ReferralViewSet)

urlpatterns = router.urls
