"""The view of the guide's example."""

from rest_framework.views import APIView
from rest_framework.response import Response
from stockade.policy import Authenticated

class Profile(APIView):
    policy = Authenticated()
    def get(self, request):
        return Response({"username": request.user.username, "email": request.user.email})
