"""The contract that daemon and clients share."""
