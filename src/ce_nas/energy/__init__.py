"""What devices draw, and what that weighs in grams and money."""
