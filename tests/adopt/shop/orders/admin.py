from django.contrib import admin

from orders.models import Coupon, Order, OrderItem, Redemption, Return


class ItemInline(admin.TabularInline):
    model = OrderItem
    extra = 0


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ["number", "customer", "status", "total", "created_at"]
    list_filter = ["status"]
    search_fields = ["number", "customer__email"]
    readonly_fields = ["number"]
    inlines = [ItemInline]


admin.site.register([Coupon, Redemption, Return])
