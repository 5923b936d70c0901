"""The one way out over HTTP that is not a transport."""
