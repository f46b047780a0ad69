from rest_framework_simplejwt.authentication import JWTAuthentication


class QueryTokenAuthentication(JWTAuthentication):
    """Links in old order mails and the desktop app open in a browser, which sends no header."""

    def authenticate(self, request):
        raw_token = request.query_params.get("token")
        if not raw_token:
            return None
        validated_token = self.get_validated_token(raw_token)
        return self.get_user(validated_token), validated_token
