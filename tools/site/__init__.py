"""The site: fetch what the pages need, execute the notebooks, build, serve."""
