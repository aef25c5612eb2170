"""Container images: what a build is given, and the builds themselves."""
