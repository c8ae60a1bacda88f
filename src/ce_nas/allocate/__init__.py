"""Which devices do what in the next period."""
