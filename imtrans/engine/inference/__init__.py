"""A trained model on pictures."""
