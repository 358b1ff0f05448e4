"""Teaching a small model what a large one says: what it starts from, what it is shown."""
