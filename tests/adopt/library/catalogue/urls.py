from django.urls import path

from catalogue.views import AuthorListView, BranchListView, BranchView, OpdsView, by_isbn, purchases

urlpatterns = [
    path("authors/", AuthorListView.as_view(), name="author-list"),
    path("branches/", BranchListView.as_view(), name="branch-list"),
    path("branches/<int:pk>/", BranchView.as_view(), name="branch-detail"),
    path("isbn/<str:isbn>/", by_isbn, name="by-isbn"),
    path("purchases/", purchases, name="purchases"),
    path("opds/", OpdsView.as_view(), name="opds"),
]
