"""The policy laboratory: demand from traces and from fitted figures, replayed under a policy."""
