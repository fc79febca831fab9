"""The torch side of what plugins may use."""
