from django.http import JsonResponse
from django.views.decorators.http import require_safe
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.response import Response


@require_safe
def healthz(request):
    """The load balancer asks this."""
    return JsonResponse({"status": "ok"})


@api_view(["GET"])
@permission_classes([AllowAny])
def clinic_info(request):
    """The login screen shows this."""
    clinic = request.tenant
    return Response({"name": clinic.name, "phone": clinic.phone})
