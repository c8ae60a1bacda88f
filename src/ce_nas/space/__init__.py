"""Which architectures there are, and how they look to a searcher."""
