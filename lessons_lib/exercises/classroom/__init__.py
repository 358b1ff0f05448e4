"""For teachers: what was handed in, read and judged without trusting it."""
