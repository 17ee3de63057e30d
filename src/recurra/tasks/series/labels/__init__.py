"""Series with a class each, and which one a new series belongs to."""
