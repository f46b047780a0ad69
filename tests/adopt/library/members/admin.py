from django.contrib import admin

from members.models import Circle, Membership

admin.site.register(Membership)
admin.site.register(Circle)
