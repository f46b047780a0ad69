from django.urls import path, register_converter

from appointments.reception import converters, views

register_converter(converters.DayConverter, "day")

app_name = "reception"
urlpatterns = [
    path("queue/", views.queue, name="queue"),
    path("arrivals/", views.arrivals, name="arrivals"),
    path("check-in/", views.check_in, name="check-in"),
    path("move/", views.move, name="move"),
    path("next/", views.next_up, name="next"),
    path("days/<day:day>/", views.DayView.as_view(), name="day"),
]
