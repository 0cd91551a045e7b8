"""The server and the browsers of the tests of the built site."""

from tests.site.conftest import address, chromium, firefox, site, visit

__all__ = ["address", "chromium", "firefox", "site", "visit"]
