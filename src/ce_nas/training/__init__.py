"""Real trainings: images, recipes, a loop that can be suspended at any step, and what a network costs to run."""
