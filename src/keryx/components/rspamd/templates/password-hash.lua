-- Prints the hash of the password on standard input, for the controller's configuration.
print(require 'rspamd_cryptobox'.pbkdf(io.read('*l')))
