"""The commands of `imtrans plugins`."""
