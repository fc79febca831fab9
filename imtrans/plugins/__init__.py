"""What plugins declare, and how they are found."""
