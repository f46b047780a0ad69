from django.contrib import admin

from lending.models import Loan, PartnerRequest, Reservation, Suggestion

admin.site.register([Loan, PartnerRequest, Reservation, Suggestion])
