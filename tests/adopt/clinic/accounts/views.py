from rest_framework.decorators import api_view
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.generics import ListAPIView, RetrieveUpdateAPIView
from rest_framework.response import Response

from accounts.models import User
from accounts.serializers import ColleagueSerializer, ProfileSerializer


class MeView(RetrieveUpdateAPIView):
    """One's own profile."""

    serializer_class = ProfileSerializer

    def get_object(self):
        return self.request.user


class ColleagueList(ListAPIView):
    """The clinic's phone book."""

    queryset = User.objects.filter(is_active=True).order_by("last_name", "pk")
    serializer_class = ColleagueSerializer
    filter_backends = [SearchFilter, OrderingFilter]
    search_fields = ["first_name", "last_name", "role"]
    ordering_fields = "__all__"


@api_view(["GET"])
def whoami(request):
    """Who the caller is and what her credential may do; the mobile app asks it at its start."""
    return Response(
        {
            "id": request.user.pk,
            "username": request.user.get_username(),
            "clinic": request.tenant.schema_name,
            "scopes": sorted(request.auth.scopes) if request.auth else None,
        }
    )
