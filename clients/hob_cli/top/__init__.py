"""What `hob top` shows, apart from how it is fetched."""
