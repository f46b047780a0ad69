from django.urls import path

from payments import views

urlpatterns = [
    path("callback/", views.payment_callback, name="payment-callback"),
    path("<str:number>/", views.PaymentPage.as_view(), name="payment-page"),
]
