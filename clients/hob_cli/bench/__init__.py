"""How fast a model is here, measured through the daemon as any client would see it."""
