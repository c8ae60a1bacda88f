"""A pilot on a team's own figures: today's way beside CE-NAS, and the decision paper that comes of it."""
