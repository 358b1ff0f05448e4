"""Ways of learning a task from a handful of labels, or from none."""
