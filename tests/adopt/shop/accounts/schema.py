from drf_spectacular.extensions import OpenApiAuthenticationExtension


class QueryTokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.QueryTokenAuthentication"
    name = "queryToken"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "query", "name": "token"}
