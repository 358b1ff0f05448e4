"""What several studies of sentiment share: encoders, texts, and one training run."""
