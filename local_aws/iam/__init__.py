"""IAM: who calls, and what their policies say to it."""
