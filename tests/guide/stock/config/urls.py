"""The URLs of the guide's example: of its section 3.3, and of its view."""

from django.urls import path

from config.views import Profile

urlpatterns = [path("api/profile/", Profile.as_view())]
# --- from the guide, as it stands ---
# urls.py
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView
urlpatterns += [
    path("api/token/", TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("api/token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
]
# --- the end of it ---
