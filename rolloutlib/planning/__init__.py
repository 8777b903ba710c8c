"""In advance: what N people can prove, how the policy errs in simulated worlds, and the chances of a GO."""
