"""What models there are."""
