"""The command: what is parsed and printed; all else is done below."""
