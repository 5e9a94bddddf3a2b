"""The `hob` command. Its parts import each other by name; nothing is imported from here."""
