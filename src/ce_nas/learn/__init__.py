"""Training a policy in the very engine that it will act in."""
