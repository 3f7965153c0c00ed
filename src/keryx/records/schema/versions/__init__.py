"""The migrations, one file each: never changed once released, only added to."""
