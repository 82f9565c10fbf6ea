"""Second reckonings, slow and plain, that share no code with what they judge."""
