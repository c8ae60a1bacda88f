"""What the grid's carbon intensity will be."""
