from django.contrib import admin

from catalogue.models import Author, Book, Branch, Purchase, Review


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ["title", "author", "isbn", "copies"]
    search_fields = ["title", "isbn"]


admin.site.register([Author, Branch, Purchase, Review])
