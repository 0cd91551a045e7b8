"""The notebooks: the form in which they are stored, their style, and the numbers in their prose."""
