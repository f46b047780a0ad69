"""What runs on the screens of the reception: async, because they poll and stream all day."""

import datetime
import json

from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import JsonResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts.decorators import signed_in
from appointments.models import Appointment


def todays():
    start = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return Appointment.objects.filter(starts_at__gte=start, starts_at__lt=start + datetime.timedelta(days=1))


@require_GET
@never_cache
async def queue(request):
    """The screen in the waiting room: how many wait, and nobody's name."""
    waiting = await todays().filter(status=Appointment.Status.ARRIVED).acount()
    return JsonResponse({"waiting": waiting})


@require_GET
async def arrivals(request):
    """The screen behind the desk: one line of JSON for each of today's patients."""

    async def lines():
        async for appointment in todays().select_related("patient").aiterator(chunk_size=50):
            line = {
                "patient": str(appointment.patient),
                "phone": appointment.patient.phone,
                "starts_at": appointment.starts_at.isoformat(),
                "status": appointment.status,
            }
            yield json.dumps(line) + "\n"

    return StreamingHttpResponse(lines(), content_type="application/x-ndjson")


@csrf_exempt
@require_POST
async def check_in(request):
    """The kiosk at the entrance. It sends what the patient typed, and has no session."""
    try:
        code = str(json.loads(request.body)["code"])
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"detail": "Send a code."}, status=400)
    appointment = await todays().select_related("patient").filter(code=code).afirst()
    if appointment is None:
        return JsonResponse({"detail": "We do not know this code."}, status=404)
    appointment.status = Appointment.Status.ARRIVED
    await appointment.asave(update_fields=["status"])
    return JsonResponse({"patient": str(appointment.patient), "starts_at": appointment.starts_at})


@csrf_exempt  # the desk's old terminals send no token
@require_POST
@login_required
async def move(request):
    """Move one of one's own appointments: a form with `appointment` and `starts_at`."""
    user = await request.auser()
    starts_at = parse_datetime(request.POST.get("starts_at", ""))
    if starts_at is None or timezone.is_naive(starts_at):
        return JsonResponse({"detail": "Send a time with its zone."}, status=400)
    try:
        moved = await Appointment.objects.filter(
            pk=request.POST.get("appointment", "0"), practitioner=user
        ).aupdate(starts_at=starts_at)
    except (ValueError, IntegrityError):
        return JsonResponse({"detail": "This time is taken."}, status=409)
    return JsonResponse({"moved": moved}, status=200 if moved else 404)


@require_GET
@signed_in
async def next_up(request):
    """Whom the signed-in practitioner sees next."""
    user = await request.auser()
    appointment = await (
        Appointment.objects.filter(practitioner=user, starts_at__gte=timezone.now())
        .exclude(status=Appointment.Status.CANCELLED)
        .select_related("patient")
        .afirst()
    )
    if appointment is None:
        return JsonResponse({"next": None})
    return JsonResponse({"next": {"id": appointment.pk, "patient": str(appointment.patient)}})


class DayView(View):
    """A practitioner's day; POST closes it: what is still booked is cancelled."""

    async def get(self, request, day):
        user = await request.auser()
        if not user.is_authenticated:
            return JsonResponse({"detail": "Please sign in."}, status=401)
        appointments = [
            {"id": each.pk, "patient": str(each.patient), "starts_at": each.starts_at, "status": each.status}
            async for each in self._of(user, day).select_related("patient")
        ]
        return JsonResponse({"appointments": appointments})

    async def post(self, request, day):
        user = await request.auser()
        if not user.is_authenticated:
            return JsonResponse({"detail": "Please sign in."}, status=401)
        booked = self._of(user, day).filter(status=Appointment.Status.BOOKED)
        return JsonResponse({"cancelled": await booked.aupdate(status=Appointment.Status.CANCELLED)})

    def _of(self, user, day):
        return Appointment.objects.filter(practitioner=user, starts_at__date=day)
