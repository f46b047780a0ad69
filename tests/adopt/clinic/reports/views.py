from django.db.models import Count, Q
from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasScope
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAdminUser
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from appointments.models import Appointment
from patients.models import Patient
from reports.serializers import WorkloadSerializer


class MonthlyReport(APIView):
    """The clinic's figures. The manager's spreadsheet fetches them with a name and a password."""

    authentication_classes = [BasicAuthentication, SessionAuthentication]
    permission_classes = [IsAdminUser]

    def get(self, request, year, month):
        appointments = Appointment.objects.filter(starts_at__year=year, starts_at__month=month)
        by_status = {
            row["status"]: row["number"]
            for row in appointments.order_by().values("status").annotate(number=Count("pk"))
        }
        return Response(
            {
                "clinic": request.tenant.name,
                "patients": Patient.objects.count(),
                "appointments": {status: by_status.get(status, 0) for status in Appointment.Status.values},
            }
        )


class Workload(ListAPIView):
    """Who has how much to do, for the scheduling service."""

    queryset = (
        User.objects.filter(is_active=True)
        .annotate(
            booked=Count("appointments", filter=Q(appointments__status=Appointment.Status.BOOKED)),
            arrived=Count("appointments", filter=Q(appointments__status=Appointment.Status.ARRIVED)),
        )
        .order_by("username")
    )
    serializer_class = WorkloadSerializer
    authentication_classes = [OAuth2Authentication]
    permission_classes = [TokenHasScope]
    required_scopes = ["reports"]
