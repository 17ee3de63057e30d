"""Text: from documents to tokens, and from a model to text."""
