"""What methods and components use in a step of training."""
