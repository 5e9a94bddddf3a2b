"""What broker and worker say to each other."""
