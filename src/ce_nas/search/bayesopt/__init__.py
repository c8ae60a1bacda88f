"""bayesopt."""
