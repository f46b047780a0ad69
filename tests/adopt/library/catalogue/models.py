from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=120)
    born = models.PositiveSmallIntegerField(null=True, blank=True)

    def __str__(self):
        return self.name


class Book(models.Model):
    isbn = models.CharField(max_length=13, unique=True)
    title = models.CharField(max_length=200)
    author = models.ForeignKey(Author, on_delete=models.PROTECT, related_name="books")
    copies = models.PositiveSmallIntegerField(default=1)
    summary = models.TextField(blank=True)

    def __str__(self):
        return self.title

    @property
    def on_shelf(self):
        return self.copies - self.loans.filter(returned=None).count()


class Branch(models.Model):
    name = models.CharField(max_length=80, unique=True)
    street = models.CharField(max_length=120)
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        verbose_name_plural = "branches"

    def __str__(self):
        return self.name


class Purchase(models.Model):
    """What was paid for a book, and to whom."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="purchases")
    supplier = models.CharField(max_length=120)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    bought = models.DateField(auto_now_add=True)

    def __str__(self):
        return f"{self.book} from {self.supplier}"


class Review(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="reviews")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviews")
    stars = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    text = models.TextField(blank=True)
    written = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["book", "author"], name="one_review_each")]

    def __str__(self):
        return f"{self.stars} for {self.book}"
