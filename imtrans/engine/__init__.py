"""What trains, evaluates and translates; everything here imports torch."""
