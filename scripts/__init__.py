"""What a person working on this project runs."""
