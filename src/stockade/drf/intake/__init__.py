"""What a body passes on its way into a DRF view: bounds, clean JSON, serializers that take their own alone."""
