"""What the pages ask of the site as a whole: where findings lie, what was seen, what is near schools."""
