"""What ships with the product: taxonomies, rules, names, and the demo city."""
