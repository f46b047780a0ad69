from django.contrib.auth import password_validation
from django.contrib.auth.models import User
from rest_framework import serializers

from members.models import Circle


class ProfileSerializer(serializers.ModelSerializer):
    card_number = serializers.CharField(source="membership.card_number", read_only=True)

    class Meta:
        model = User
        # The front end shows the menu of the desk to staff.
        fields = ["id", "username", "email", "first_name", "last_name", "is_staff", "card_number"]
        read_only_fields = ["username"]


class PersonSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "username", "first_name"]


class MemberSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "username", "email", "first_name", "last_name", "is_active", "groups"]


class CircleSerializer(serializers.ModelSerializer):
    class Meta:
        model = Circle
        fields = ["id", "name", "book", "people"]
        depth = 1


class PasswordSerializer(serializers.Serializer):
    old = serializers.CharField(write_only=True)
    new = serializers.CharField(write_only=True)

    def validate_old(self, value):
        if not self.context["request"].user.check_password(value):
            raise serializers.ValidationError("This is not your password.")
        return value

    def validate_new(self, value):
        password_validation.validate_password(value, self.context["request"].user)
        return value
