"""What editors start: a language server, and an agent. Each is one more client of a door."""
