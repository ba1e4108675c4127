"""What every HTTP server here shares: listening, hosts, accounts, limits."""
