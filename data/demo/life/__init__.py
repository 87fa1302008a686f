"""Who walks the streets and what happens there: people, phones, patrols, problems, and a month of them."""
