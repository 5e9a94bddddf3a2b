"""What people install, made from this checkout and used as they would use it."""
