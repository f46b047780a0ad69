from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.auth.models import User
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.generic import ListView
from rest_framework import mixins, viewsets
from rest_framework.generics import ListAPIView, RetrieveUpdateAPIView
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from members.models import Circle
from members.serializers import (
    CircleSerializer,
    MemberSerializer,
    PasswordSerializer,
    PersonSerializer,
    ProfileSerializer,
)


class ProfileView(RetrieveUpdateAPIView):
    """What the library knows about you."""

    permission_classes = [IsAuthenticated]
    serializer_class = ProfileSerializer

    def get_object(self):
        return self.request.user


class PasswordView(APIView):
    permission_classes = [IsAuthenticated]

    def post(self, request):
        serializer = PasswordSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        request.user.set_password(serializer.validated_data["new"])
        request.user.save(update_fields=["password"])
        update_session_auth_hash(request, request.user)
        return Response(status=204)


class DirectoryView(ListAPIView):
    """Find the people of your reading circle."""

    permission_classes = [IsAuthenticated]
    queryset = User.objects.filter(is_active=True).order_by("username")
    serializer_class = PersonSerializer
    search_fields = ["username", "first_name"]
    ordering_fields = "__all__"


class MemberViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, viewsets.GenericViewSet
):
    """The members, for the office."""

    permission_classes = [IsAdminUser]
    queryset = User.objects.prefetch_related("groups").order_by("username")
    serializer_class = MemberSerializer
    filterset_fields = ["is_active", "groups"]


class CircleViewSet(viewsets.ReadOnlyModelViewSet):
    permission_classes = [IsAuthenticated]
    queryset = Circle.objects.select_related("book").prefetch_related("people").order_by("name")
    serializer_class = CircleSerializer


@login_required
@require_GET
def card(request):
    return render(request, "members/card.html", {"membership": request.user.membership})


class RosterView(PermissionRequiredMixin, ListView):
    """All members on one page, to print."""

    permission_required = "auth.view_user"
    queryset = User.objects.select_related("membership").order_by("last_name", "first_name")
    template_name = "members/roster.html"
