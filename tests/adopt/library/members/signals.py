from django.conf import settings
from django.db.models.signals import post_save
from django.dispatch import receiver
from rest_framework.authtoken.models import Token

from members.models import Membership


@receiver(post_save, sender=settings.AUTH_USER_MODEL)
def welcome(sender, instance, created, raw, **kwargs):
    """Every member gets a card, and a token for the phone app."""
    if created and not raw:
        Membership.objects.create(user=instance, card_number=f"LIB{instance.pk:09d}")
        Token.objects.create(user=instance)
