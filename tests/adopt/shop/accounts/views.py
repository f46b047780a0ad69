from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny, IsAdminUser
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.views import TokenObtainPairView

from accounts.models import Address, User
from accounts.serializers import (
    AddressSerializer,
    CustomerSerializer,
    PasswordChangeSerializer,
    ProfileSerializer,
    RegisterSerializer,
)


class LoginView(TokenObtainPairView):
    throttle_scope = "login"


class MobileLoginView(TokenObtainPairView):
    """The login of the apps: whole mobile networks come from one address and were locked out."""

    throttle_classes = []


class RegisterView(generics.CreateAPIView):
    serializer_class = RegisterSerializer
    permission_classes = [AllowAny]
    throttle_scope = "register"


class ProfileView(generics.RetrieveUpdateAPIView):
    serializer_class = ProfileSerializer

    def get_object(self):
        return self.request.user


class PasswordChangeView(APIView):
    @extend_schema(request=PasswordChangeSerializer, responses={204: None})
    def post(self, request):
        serializer = PasswordChangeSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        request.user.set_password(serializer.validated_data["new_password"])
        request.user.save(update_fields=["password"])
        # Every device logs in again.
        for token in OutstandingToken.objects.filter(user=request.user):
            BlacklistedToken.objects.get_or_create(token=token)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CustomerViewSet(viewsets.ReadOnlyModelViewSet):
    """Customer care looks people up."""

    queryset = User.objects.all()
    serializer_class = CustomerSerializer
    permission_classes = [IsAdminUser]
    search_fields = ["email", "full_name"]
    filterset_fields = ["is_active", "newsletter"]

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def deactivate(self, request, pk=None):
        customer = self.get_object()
        customer.is_active = False
        customer.save(update_fields=["is_active"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class AddressViewSet(viewsets.ModelViewSet):
    queryset = Address.objects.all()
    serializer_class = AddressSerializer
    pagination_class = None  # nobody has more than a handful

    def list(self, request, *args, **kwargs):
        addresses = self.get_queryset().filter(user=request.user)
        return Response(self.get_serializer(addresses, many=True).data)

    def perform_create(self, serializer):
        serializer.save(user=self.request.user)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"], url_path="make-default")
    def make_default(self, request, pk=None):
        address = self.get_object()
        Address.objects.filter(user=address.user).update(is_default=False)
        address.is_default = True
        address.save(update_fields=["is_default"])
        return Response(self.get_serializer(address).data)


@csrf_exempt  # the form stands on the marketing site too
@login_required
@require_POST
def newsletter(request):
    request.user.newsletter = request.POST.get("subscribe") == "1"
    request.user.save(update_fields=["newsletter"])
    return JsonResponse({"newsletter": request.user.newsletter})
