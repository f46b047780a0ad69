"""PolicyMixin: a DRF view whose policies speak of objects, enforced on every way to an object that DRF has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import DEFAULT_DB_ALIAS, router, transaction
from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from stockade.core.errors import Undecided
from stockade.drf.authentication import exchange_of
from stockade.drf.crossing import close_crossing, narrow_choices
from stockade.drf.filters import close_hidden
from stockade.drf.permissions import authorize, leaf_of
from stockade.drf.related import declare_visible, narrow_related, seeing_rule
from stockade.pipeline import registry as registries
from stockade.pipeline.delegated import enter
from stockade.pipeline.exchange import Exchange
from stockade.pipeline.leaf import SAFE
from stockade.pipeline.mediation import run_mediated, undecided
from stockade.policy import Policy

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    Base = GenericAPIView[Any]
else:
    Base = object

Rates = str | Sequence[str]
GUARDED = ("check_object_permissions", "dispatch", "filter_queryset", "get_serializer", "initial")


class PolicyMixin(Base):
    """Put it before the view class: ``class ArticleViewSet(PolicyMixin, ModelViewSet)``.

    policy: a rule, or a dict from actions (``"list, retrieve"``), HTTP methods or ``"*"`` to rules.
    visible: what the caller may see at all. Outside it 404, absent from lists, counts and filters.
    limits: a rate, several, or a dict like `policy`'s; counted by caller for this view alone.
    cost: how many places one request takes of every limit; a number or a dict like `policy`'s.
    """

    policy: ClassVar[Policy | Mapping[str, Policy] | None] = None
    visible: ClassVar[Policy | None] = None
    limits: ClassVar[Rates | Mapping[str, Rates] | None] = None
    cost: ClassVar[int | Mapping[str, int] | None] = None
    stockade_guards_objects: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.stockade_guards_objects = all(_ours_first(cls, name) for name in GUARDED)
        narrow_choices()
        model, rule = _model_of(cls), seeing_rule(cls.visible, cls.policy)
        if model is not None and rule is not None:
            declare_visible(model, rule)

    # -- reading ---------------------------------------------------------------------------------------------------

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """First what the caller may see, then the view's own filters, which thus never meet the rest."""
        exchange = exchange_of(self.request)
        if exchange is not None and not exchange.legacy:
            queryset = exchange.visible(queryset, leaf_of(self.request, exchange))
        close_hidden(self, queryset)
        searched = getattr(self, "search_fields", None)
        if exchange is not None and not exchange.open:
            queryset = close_crossing(self, queryset, exchange.principal)
        found = super().filter_queryset(queryset)
        if searched is not None:
            self.search_fields = searched  # a page for people shows its field all the same
        return found

    def check_object_permissions(self, request: Request, obj: Any) -> None:
        """The view's own permission_classes, and the policy: 404 before 403."""
        exchange = exchange_of(request)
        if exchange is not None and not exchange.legacy:
            authorize(request, exchange, obj)
        super().check_object_permissions(request, obj)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As DRF's; then, where the caller may do this to no object, the object decides between 404 and 403."""
        super().initial(request, *args, **kwargs)
        exchange = exchange_of(request)
        if exchange is None or exchange.leaf is None or exchange.leaf.rule is None or exchange.open:
            return
        rule = exchange.leaf.rule
        if rule.admits(exchange.principal) is False:
            self.get_object()  # raises NotVisible for what may not be seen
            raise rule.refusal(exchange.principal)

    # -- writing ---------------------------------------------------------------------------------------------------

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        """The view's serializer; related fields see what the caller may see, and what it saves is asked about."""
        serializer: BaseSerializer[Any] = super().get_serializer(*args, **kwargs)
        exchange = exchange_of(self.request)
        if exchange is not None and not exchange.open:
            narrow_related(serializer, exchange.principal)
            leaf = leaf_of(self.request, exchange)
            if leaf is not None and not leaf.safe:
                serializer.save = _checked(serializer, exchange)  # type: ignore[method-assign]
        return serializer

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Run an unsafe method in a transaction that a missing decision rolls back (complete mediation)."""
        state = request.__dict__
        exchange: Exchange | None = state.get("stockade")
        if exchange is not None and exchange.leaf is not None and exchange.leaf.cls is not type(self):
            enter(exchange, self, request.method or "")
        # Nothing to decide about, or a missing decision is only recorded.
        settled = exchange is not None and (exchange.mediator is None or exchange.open)
        if request.method in SAFE or settled or registries.current() is None:
            response: Any = super().dispatch(request, *args, **kwargs)
            if exchange is None:  # there is no middleware that would look at the answer
                made: Exchange | None = state.get("stockade")
                if made is not None and undecided(made, response):
                    refusal = Undecided(reason="undecided")
                    if not made.spares(refusal):
                        raise refusal
            return response  # type: ignore[no-any-return]
        model = _model_of(type(self))
        chosen: str | None = getattr(getattr(self, "queryset", None), "_db", None)  # by `using`
        using = chosen or _written(model)
        call: Callable[[], Any] = lambda: super(PolicyMixin, self).dispatch(request, *args, **kwargs)  # noqa: E731
        return run_mediated(lambda: state.get("stockade"), call, using)  # type: ignore[no-any-return]


def _model_of(cls: type[Any]) -> type[Model] | None:
    """The model of a view's queryset, or of its serializer where it makes its queryset for each request."""
    queryset = getattr(cls, "queryset", None)
    if isinstance(queryset, QuerySet | Manager):
        return queryset.model
    return _model_of_serializer(getattr(cls, "serializer_class", None))


def _ours_first(cls: type[PolicyMixin], name: str) -> bool:
    """Whether PolicyMixin's method comes before DRF's: DRF's ask no further, so behind a view class it is never run."""
    for base in cls.__mro__:
        if base is PolicyMixin:
            return True
        if name in vars(base) and base.__module__.startswith("rest_framework."):
            return False
    return False


def _written(model: type[Model] | None) -> str:
    return router.db_for_write(model) if model is not None else DEFAULT_DB_ALIAS


def _checked(serializer: BaseSerializer[Any], exchange: Exchange) -> Callable[..., Any]:
    """Its `save`, between the questions whether what it changes and what it makes is the caller's; a no undoes it.

    In a transaction of its own: an object that was read from another database than the view's is written there.
    """
    save = serializer.save

    def saved(**kwargs: Any) -> Any:
        instance = serializer.instance
        known = instance._state.db if isinstance(instance, Model) else None
        with transaction.atomic(using=known or _written(_model_of_serializer(serializer))):
            for one in _several(instance):
                exchange.authorize_old_state(one)
            made = save(**kwargs)
            for one in _several(made):
                exchange.authorize_new_state(one)
        return made

    return saved


def _several(found: Any) -> list[Model]:
    """The objects that a serializer has or has made: one, or with ``many=True`` several."""
    if isinstance(found, Model):
        return [found]
    return (
        [one for one in found if isinstance(one, Model)] if isinstance(found, list | tuple | QuerySet) else []
    )


def _model_of_serializer(serializer: Any) -> type[Model] | None:
    model = getattr(getattr(getattr(serializer, "child", serializer), "Meta", None), "model", None)
    return model if isinstance(model, type) and issubclass(model, Model) else None
