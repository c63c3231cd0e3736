"""What each variant of a network takes on a target, stored in each of its forms, and which to take."""
