"""What hob costs over the engine itself, measured in one run on one machine: `make bench`."""
