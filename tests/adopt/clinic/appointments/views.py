from django.shortcuts import get_object_or_404
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.status import HTTP_409_CONFLICT
from rest_framework.viewsets import ModelViewSet

from appointments.models import Appointment, Referral
from appointments.serializers import AppointmentSerializer, ReferralSerializer


class AppointmentViewSet(ModelViewSet):
    """A practitioner's own appointments; the reception's are everybody's."""

    queryset = Appointment.objects.select_related("patient")
    serializer_class = AppointmentSerializer
    filterset_fields = ["patient", "status"]

    def get_queryset(self):
        queryset = super().get_queryset()
        if self.request.user.is_reception:
            return queryset
        return queryset.filter(practitioner=self.request.user)

    @action(detail=True, methods=["post"])
    def cancel(self, request, pk=None):
        appointment = get_object_or_404(Appointment, pk=pk)
        if appointment.status == Appointment.Status.ARRIVED:
            return Response({"detail": "The patient is here already."}, status=HTTP_409_CONFLICT)
        appointment.status = Appointment.Status.CANCELLED
        appointment.save(update_fields=["status"])
        return Response(self.get_serializer(appointment).data)


class ReferralViewSet(ModelViewSet):
    """Letters between practitioners. The web app asks for ?recipient= and ?sender= of the user."""

    queryset = Referral.objects.select_related("patient")
    serializer_class = ReferralSerializer
    filterset_fields = ["recipient", "sender", "patient"]

    def perform_create(self, serializer):
        serializer.save(sender=self.request.user)
