from django.urls import path

from reports import views

urlpatterns = [
    path("<int:year>/<int:month>/", views.MonthlyReport.as_view(), name="monthly-report"),
    path("workload/", views.Workload.as_view(), name="workload"),
]
