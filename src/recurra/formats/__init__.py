"""Bytes from outside: text, archives, model files. Nothing else parses bytes."""
