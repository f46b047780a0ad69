from rest_framework import serializers

from catalog.models import Category, Product, Review, StockAlert


class CategorySerializer(serializers.ModelSerializer):
    class Meta:
        model = Category
        fields = "__all__"


class ProductSerializer(serializers.ModelSerializer):
    category = serializers.SlugRelatedField(slug_field="slug", queryset=Category.objects.all())

    class Meta:
        model = Product
        fields = ["id", "sku", "name", "description", "category", "price", "stock", "active"]


class ReviewSerializer(serializers.ModelSerializer):
    author = serializers.CharField(source="author.get_short_name", read_only=True)

    class Meta:
        model = Review
        fields = ["id", "product", "author", "rating", "text", "created_at"]


class StockAlertSerializer(serializers.ModelSerializer):
    class Meta:
        model = StockAlert
        fields = ["email"]


class StockSerializer(serializers.Serializer):
    stock = serializers.IntegerField(min_value=0)
