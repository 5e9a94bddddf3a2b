"""One file a command: its options, one client call, how to show the outcome."""
