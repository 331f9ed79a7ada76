"""What every room may use: errors, priors, parameters, seeds."""
