"""One model, one process, no rights."""
