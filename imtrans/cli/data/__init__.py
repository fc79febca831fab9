"""The commands below `imtrans data`."""
