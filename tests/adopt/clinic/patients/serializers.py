from django.utils import timezone
from rest_framework import serializers

from patients.models import Allergy, Patient


class PatientSerializer(serializers.ModelSerializer):
    class Meta:
        model = Patient
        fields = ["id", "mrn", "first_name", "last_name", "born_on", "phone", "registered_at"]

    def validate_born_on(self, value):
        if value > timezone.localdate():
            raise serializers.ValidationError("Nobody is born tomorrow.")
        return value


class AllergySerializer(serializers.ModelSerializer):
    class Meta:
        model = Allergy
        fields = ["id", "patient", "substance", "severity"]
