from rest_framework.authentication import TokenAuthentication


class FeedTokenAuthentication(TokenAuthentication):
    """The token in the address: calendar programs subscribe to a URL and send no headers."""

    def authenticate(self, request):
        key = request.query_params.get("auth_token")
        if not key:
            return None
        return self.authenticate_credentials(key)
