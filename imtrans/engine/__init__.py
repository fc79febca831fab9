"""The half that imports torch. No plugin imports it."""
