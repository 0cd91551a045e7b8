"""The cells of a chapter, run where they are read: by a Python that is part of the page.

The page's worker (`book/_assets/live/worker.js`) starts Python and hands over two of its functions,
one to post a message to the page and one to fetch a file of the book; everything else is here, so
that it can be tested without a browser.
"""
