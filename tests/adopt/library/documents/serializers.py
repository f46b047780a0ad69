from django.contrib.auth.models import User
from rest_framework import serializers

from documents.models import Collection, Document


class CollectionSerializer(serializers.ModelSerializer):
    owner = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = Collection
        fields = ["id", "name", "owner", "note"]


class DocumentSerializer(serializers.ModelSerializer):
    owner = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = Document
        fields = ["id", "title", "owner", "file", "added"]
        extra_kwargs = {"file": {"write_only": True}}


class ShareSerializer(serializers.Serializer):
    username = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_active=True)
    )
    may_change = serializers.BooleanField(default=False)
