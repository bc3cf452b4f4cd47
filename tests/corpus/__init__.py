"""Every kind of bad input that we know of, each with a title and with what must become of it."""
