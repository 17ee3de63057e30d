"""One folder a kind of sequence, each with the same rooms. Tasks never import each other."""
