"""Names: the records that the world must find for mail to flow."""
