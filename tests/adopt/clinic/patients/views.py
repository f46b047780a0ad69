from django_filters.rest_framework import DjangoFilterBackend
from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasReadWriteScope
from rest_framework.decorators import action
from rest_framework.filters import OrderingFilter
from rest_framework.mixins import CreateModelMixin, ListModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ModelViewSet

from patients.models import Allergy, Patient
from patients.serializers import AllergySerializer, PatientSerializer


class PatientViewSet(ModelViewSet):
    """The clinic's patients: whoever works here may need to look one up."""

    queryset = Patient.objects.all()
    serializer_class = PatientSerializer
    authentication_classes = [OAuth2Authentication]
    permission_classes = [TokenHasReadWriteScope]
    filter_backends = [DjangoFilterBackend, OrderingFilter]
    filterset_fields = ["mrn", "last_name", "born_on"]
    ordering_fields = ["last_name", "born_on", "registered_at"]

    @action(detail=True)
    def summary(self, request, pk=None):
        patient = self.get_object()
        allergies = patient.allergies.filter(severity=Allergy.Severity.SEVERE)
        return Response(
            {
                **self.get_serializer(patient).data,
                "severe_allergies": [allergy.substance for allergy in allergies],
                "appointments": patient.appointments.count(),
            }
        )


class AllergyViewSet(CreateModelMixin, ListModelMixin, GenericViewSet):
    queryset = Allergy.objects.select_related("patient")
    serializer_class = AllergySerializer
    filterset_fields = ["patient", "severity"]
