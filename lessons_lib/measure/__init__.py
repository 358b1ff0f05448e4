"""How good it is, beside humans and baselines, and how sure one can be."""
