from rest_framework import serializers

from records.models import LabResult, Medication, Note, Prescription


class NoteSerializer(serializers.ModelSerializer):
    class Meta:
        model = Note
        fields = ["id", "patient", "author", "text", "written_at"]
        read_only_fields = ["author"]


class LabResultSerializer(serializers.ModelSerializer):
    class Meta:
        model = LabResult
        fields = ["id", "patient", "ordered_by", "test", "value", "taken_at", "acknowledged_at"]


class MedicationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Medication
        fields = ["id", "name", "dose"]


class PrescriptionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Prescription
        fields = ["id", "patient", "prescriber", "medication", "instructions", "written_at"]
        read_only_fields = ["prescriber"]
