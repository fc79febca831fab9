"""imtrans plugins: the plugins of other distributions, and new ones."""
