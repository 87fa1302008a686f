"""Other programs are told of every change: signed, tried again ever later, and again when asked."""
