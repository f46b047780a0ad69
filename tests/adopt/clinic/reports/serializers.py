from rest_framework import serializers


class WorkloadSerializer(serializers.Serializer):
    practitioner = serializers.CharField(source="username")
    booked = serializers.IntegerField()
    arrived = serializers.IntegerField()
