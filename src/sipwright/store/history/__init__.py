"""What calls and scripts leave behind, for people to look at, and when it is forgotten."""
