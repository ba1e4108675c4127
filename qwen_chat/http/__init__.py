"""What the page and the API share: listening, host checks, accounts, rate limits, body limits, headers."""
