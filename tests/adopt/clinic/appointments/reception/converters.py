import datetime


class DayConverter:
    """2026-01-31 in a path."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value):
        return datetime.date.fromisoformat(value)  # its ValueError is a 404

    def to_url(self, value):
        return value.isoformat()
