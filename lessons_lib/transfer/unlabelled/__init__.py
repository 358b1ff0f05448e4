"""Learning for a domain of which there are texts and no ratings: a technique, a file."""
