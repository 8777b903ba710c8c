"""Numbers in, numbers out: every estimator of the gates, from counts, sums and moments alone.

Conventions: suffix 1 is the treatment, 0 the control. Every bound is one-sided at `confidence`; a
two-sided 95 % interval is confidence=0.975. Scalars give floats, arrays give arrays, leading axes
are batches. What no data bound is infinite, or the end of the parameter's range.
"""
