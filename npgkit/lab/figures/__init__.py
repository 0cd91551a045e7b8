"""Pictures that belong to single chapters, to the front page or to the command."""
