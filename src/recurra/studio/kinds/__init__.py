"""What the studio knows of each kind of sequence; `registry.py` has one line a kind."""
