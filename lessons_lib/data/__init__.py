"""Texts, pieces and batches: what goes into a model."""
