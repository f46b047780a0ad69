from django.urls import path

from orders import views

items = views.OrderItemViewSet.as_view({"get": "list", "post": "create"})
item = views.OrderItemViewSet.as_view({"get": "retrieve", "delete": "destroy"})

urlpatterns = [
    path("orders/checkout/", views.CheckoutView.as_view(), name="checkout"),
    path("orders/export/", views.OrderExportView.as_view(), name="order-export"),
    path("orders/stats/", views.stats, name="order-stats"),
    path("orders/<uuid:pk>/cancel/", views.CancelOrderView.as_view(), name="order-cancel"),
    path("orders/<uuid:pk>/reorder/", views.reorder, name="order-reorder"),
    path("orders/<uuid:order_pk>/items/", items, name="order-items"),
    path("orders/<uuid:order_pk>/items/<int:pk>/", item, name="order-item"),
    path("receipts/<str:number>/", views.ReceiptView.as_view(), name="receipt"),
    path("invoices/<str:number>/", views.InvoiceDownloadView.as_view(), name="invoice"),
    path("returns/<int:pk>/label/", views.ReturnLabelView.as_view(), name="return-label"),
]
