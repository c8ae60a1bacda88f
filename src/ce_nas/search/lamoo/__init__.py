"""lamoo."""
