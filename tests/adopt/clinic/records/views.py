from django.contrib.auth.decorators import login_required
from django.http import Http404, JsonResponse
from django.shortcuts import aget_object_or_404, get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasScope
from rest_framework.generics import ListAPIView
from rest_framework.mixins import CreateModelMixin, DestroyModelMixin, ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ModelViewSet, ReadOnlyModelViewSet

from records.models import LabResult, Medication, Note, Prescription
from records.permissions import IsAuthor, IsPhysician, OrderedIt, ReadOnly
from records.serializers import (
    LabResultSerializer,
    MedicationSerializer,
    NoteSerializer,
    PrescriptionSerializer,
)


class NoteViewSet(ModelViewSet):
    queryset = Note.objects.select_related("patient")
    serializer_class = NoteSerializer
    permission_classes = [IsAuthenticated, IsAuthor]
    filterset_fields = ["patient"]

    def perform_create(self, serializer):
        serializer.save(author=self.request.user)


class MedicationViewSet(ReadOnlyModelViewSet):
    """The formulary. The app keeps a copy, so it takes it in one piece."""

    queryset = Medication.objects.all()
    serializer_class = MedicationSerializer
    pagination_class = None


class PrescriptionViewSet(
    CreateModelMixin, RetrieveModelMixin, DestroyModelMixin, ListModelMixin, GenericViewSet
):
    """One's own prescriptions, which are never changed, but withdrawn."""

    queryset = Prescription.objects.select_related("medication")
    serializer_class = PrescriptionSerializer
    permission_classes = [IsAuthenticated & (IsPhysician | ReadOnly)]
    filterset_fields = ["patient", "medication"]

    def get_queryset(self):
        return super().get_queryset().filter(prescriber=self.request.user)

    def perform_create(self, serializer):
        serializer.save(prescriber=self.request.user)


class ResultFeed(ListAPIView):
    """Laboratories and registries collect results here, as clients without a user."""

    queryset = LabResult.objects.all()
    serializer_class = LabResultSerializer
    authentication_classes = [OAuth2Authentication]
    permission_classes = [TokenHasScope]
    required_scopes = ["results"]
    filterset_fields = ["test"]
    pagination_class = None


class LabResultView(APIView):
    permission_classes = [IsAuthenticated, OrderedIt]

    def get(self, request, pk):
        result = get_object_or_404(LabResult, pk=pk)
        self.check_object_permissions(request, result)
        return Response(LabResultSerializer(result).data)


@require_GET
@login_required
async def result_card(request, pk):
    """The card that pops up beside a patient's name."""
    try:
        result = await LabResult.objects.select_related("patient").aget(pk=pk)
    except LabResult.DoesNotExist:
        raise Http404 from None
    return JsonResponse({"patient": str(result.patient), "test": result.test, "value": result.value})


@require_POST
@login_required
async def acknowledge(request, pk):
    """The practitioner has seen the result that she ordered."""
    user = await request.auser()
    result = await aget_object_or_404(LabResult, pk=pk, ordered_by=user)
    if result.acknowledged_at is None:
        result.acknowledged_at = timezone.now()
        await result.asave(update_fields=["acknowledged_at"])
    return JsonResponse({"acknowledged_at": result.acknowledged_at})
