"""The routes under `/api`, one file a kind of thing. A new task brings a file of its own."""
