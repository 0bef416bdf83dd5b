"""How the tools reach AWS, or the local cloud, which answers alike."""
