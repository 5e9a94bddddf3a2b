"""The models directory as a user's programs see it: what they may put there, take away and count."""
