"""The loop, the rate and the objectives."""
