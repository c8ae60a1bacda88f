"""From an architecture to a network that can be trained; every module here needs torch."""
