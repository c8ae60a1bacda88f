"""Many runs side by side, and the statistics over them."""
