"""Which architectures to look at next."""
