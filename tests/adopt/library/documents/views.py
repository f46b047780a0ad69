from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET
from guardian.shortcuts import assign_perm, get_objects_for_user, get_users_with_perms
from rest_framework import viewsets
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response

from documents.filters import GrantedFilter
from documents.models import Collection, Document
from documents.permissions import IsOwner, ObjectPermissions
from documents.serializers import CollectionSerializer, DocumentSerializer, ShareSerializer


def grant(user, obj, *what):
    for verb in what:
        assign_perm(f"{verb}_{obj._meta.model_name}", user, obj)


class DocumentViewSet(viewsets.ModelViewSet):
    """Documents that were given to you, or that you keep here."""

    permission_classes = [ObjectPermissions]
    filter_backends = [GrantedFilter, SearchFilter, OrderingFilter]
    queryset = Document.objects.select_related("owner").order_by("title")
    serializer_class = DocumentSerializer
    search_fields = ["title"]
    ordering_fields = ["title", "added"]

    def perform_create(self, serializer):
        document = serializer.save(owner=self.request.user)
        grant(self.request.user, document, "view", "change", "delete")

    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated, IsOwner])
    def share(self, request, pk=None):
        document = self.get_object()
        serializer = ShareSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        friend = serializer.validated_data["username"]
        grant(friend, document, "view")
        if serializer.validated_data["may_change"]:
            grant(friend, document, "change")
        return Response(status=204)


class CollectionViewSet(viewsets.ModelViewSet):
    permission_classes = [ObjectPermissions]
    queryset = Collection.objects.select_related("owner").order_by("name")
    serializer_class = CollectionSerializer
    search_fields = ["name"]

    def perform_create(self, serializer):
        collection = serializer.save(owner=self.request.user)
        grant(self.request.user, collection, "view", "change", "delete")


@api_view(["GET"])
@permission_classes([IsAuthenticated])
def readers(request, pk):
    """With whom a document is shared."""
    mine = get_objects_for_user(request.user, "documents.view_document")
    document = get_object_or_404(mine, pk=pk)
    people = get_users_with_perms(document).order_by("username")
    return Response({"readers": [person.username for person in people]})


@login_required
@require_GET
def download(request, pk):
    document = get_object_or_404(Document, pk=pk)
    if not request.user.has_perm("documents.view_document", document):
        raise PermissionDenied
    return FileResponse(document.file.open(), as_attachment=True, filename=f"document-{document.pk}")


@login_required
@require_GET
def excerpt(request, pk):
    """The first lines, for the box that opens when the mouse is over a title."""
    document = get_object_or_404(Document, pk=pk)
    with document.file.open() as file:
        text = file.read(400).decode(errors="replace")
    return render(request, "documents/excerpt.html", {"document": document, "text": text})
