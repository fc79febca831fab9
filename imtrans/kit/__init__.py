"""What plugins may use beside torch: stable and documented."""
