"""The Transformer, piece by piece, and published weights in it."""
