"""Models that are on this machine already: where other programs keep them, and how they become hob's."""
