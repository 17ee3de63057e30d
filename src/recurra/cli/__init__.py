"""Words in, library calls, words out: one file a group of verbs."""
