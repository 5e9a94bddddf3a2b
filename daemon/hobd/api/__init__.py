"""What callers may ask, in gRPC's words."""
