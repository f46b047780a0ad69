from django.contrib import admin

from catalog.models import Category, Product, Review, StockAlert


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ["sku", "name", "price", "purchase_price", "stock", "active"]
    list_filter = ["active", "category"]
    search_fields = ["sku", "name"]


admin.site.register([Category, Review, StockAlert])
