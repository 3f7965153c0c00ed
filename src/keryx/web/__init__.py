"""What people meet in a browser: sign-in, administration, self-service, API, client set-up."""
