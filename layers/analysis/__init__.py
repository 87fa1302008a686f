"""What the pages ask of the site as a whole: where findings lie, what was patrolled, what schools have near."""
