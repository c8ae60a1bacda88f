"""The run folder: an append-only journal, and what is read back from it."""
