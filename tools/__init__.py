"""Scripts that build, normalise and check the book. Nothing in npgkit imports them."""
