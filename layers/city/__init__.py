"""What the city is made of: streets, key points, districts, categories."""
