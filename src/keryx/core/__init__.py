"""The small kernel that everything else stands on; it imports nothing of ours."""
