"""AWS's own host names over HTTPS, for clients that name them: a proxy on this machine, with its own authority."""
