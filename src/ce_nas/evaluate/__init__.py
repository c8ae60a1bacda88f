"""What a task costs and what it finds."""
