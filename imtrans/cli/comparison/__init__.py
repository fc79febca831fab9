"""What `imtrans compare` reads and writes."""
