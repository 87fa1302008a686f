"""What stands on the ground: territories, key points, shops, parking and parts."""
