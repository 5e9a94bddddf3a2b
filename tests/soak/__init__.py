"""Hours of rough traffic in seconds: see __main__.py."""
