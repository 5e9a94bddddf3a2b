"""What may be wrong with an installation: what is looked at, and what it means."""
