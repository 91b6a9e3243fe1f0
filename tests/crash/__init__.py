"""The crash test: the server is killed again and again, then three logs are held together."""
