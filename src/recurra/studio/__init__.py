"""The studio: an HTTP application over run folders, models and texts, and the web app it serves."""
