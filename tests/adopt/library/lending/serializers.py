from django.contrib.auth.models import User
from rest_framework import serializers

from catalogue.models import Book
from lending.models import Loan, PartnerRequest, Reservation, Suggestion


class LoanSerializer(serializers.ModelSerializer):
    title = serializers.CharField(source="book.title", read_only=True)
    borrower = serializers.CharField(source="borrower.username", read_only=True)

    class Meta:
        model = Loan
        fields = ["id", "book", "title", "borrower", "due", "returned", "renewals"]
        read_only_fields = ["due", "returned", "renewals"]


class CheckoutSerializer(serializers.Serializer):
    book = serializers.SlugRelatedField(slug_field="isbn", queryset=Book.objects.all())
    borrower = serializers.SlugRelatedField(
        slug_field="membership__card_number", queryset=User.objects.filter(is_active=True)
    )

    def validate_book(self, book):
        if book.on_shelf < 1:
            raise serializers.ValidationError("No copy of this book is on the shelf.")
        return book

    def create(self, validated_data):
        return Loan.objects.create(**validated_data)


class ReservationSerializer(serializers.ModelSerializer):
    title = serializers.CharField(source="book.title", read_only=True)

    class Meta:
        model = Reservation
        fields = ["id", "book", "title", "created"]


class SuggestionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Suggestion
        fields = ["id", "title", "reason", "made"]


class PartnerRequestSerializer(serializers.ModelSerializer):
    book = serializers.SlugRelatedField(slug_field="isbn", queryset=Book.objects.all())

    class Meta:
        model = PartnerRequest
        fields = ["book", "library", "reference", "asked"]
