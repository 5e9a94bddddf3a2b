"""A report of a fault that its reader may have: facts by name and number, and nothing that anybody wrote."""
