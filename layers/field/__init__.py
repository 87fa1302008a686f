"""What comes from the field: findings, photos, tracks."""
