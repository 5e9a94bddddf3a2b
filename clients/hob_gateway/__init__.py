"""The HTTP gateway: what other servers' clients speak, in front of one door of hobd."""
