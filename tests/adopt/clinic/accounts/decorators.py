from functools import wraps

from django.http import JsonResponse


def signed_in(view):
    """Like login_required, for async JSON views: 401 in place of the login page."""

    @wraps(view)
    async def wrapper(request, *args, **kwargs):
        user = await request.auser()
        if not user.is_authenticated:
            return JsonResponse({"detail": "Please sign in."}, status=401)
        return await view(request, *args, **kwargs)

    return wrapper
