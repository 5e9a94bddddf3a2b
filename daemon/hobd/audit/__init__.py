"""What happened, without what was said."""
