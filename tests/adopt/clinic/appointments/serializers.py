from django.db import IntegrityError, transaction
from rest_framework import serializers

from appointments.models import Appointment, Referral


class AppointmentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Appointment
        fields = ["id", "patient", "practitioner", "starts_at", "reason", "status", "code"]
        read_only_fields = ["status", "code"]
        # The constraint has a condition, which the generated validator would not know.
        validators = []

    def create(self, validated_data):
        return self._unless_taken(lambda: super(AppointmentSerializer, self).create(validated_data))

    def update(self, instance, validated_data):
        return self._unless_taken(lambda: super(AppointmentSerializer, self).update(instance, validated_data))

    def _unless_taken(self, write):
        try:
            with transaction.atomic():
                return write()
        except IntegrityError:
            raise serializers.ValidationError({"starts_at": "This time is taken."}) from None


class ReferralSerializer(serializers.ModelSerializer):
    class Meta:
        model = Referral
        fields = ["id", "patient", "sender", "recipient", "letter", "sent_at"]
        read_only_fields = ["sender"]
