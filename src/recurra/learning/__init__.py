"""How a model is trained: batches in, events out. It knows nothing of text or any other task."""
