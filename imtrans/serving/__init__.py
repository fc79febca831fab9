"""A trained model over HTTP: one page for people, and one route for programs (extra `serve`)."""
