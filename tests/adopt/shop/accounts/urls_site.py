from django.urls import path

from accounts import views

urlpatterns = [path("newsletter/", views.newsletter, name="newsletter")]
