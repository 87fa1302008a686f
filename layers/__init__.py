"""What the city is made of: records, the rules about them, and all storage."""
