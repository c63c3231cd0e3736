"""The search for networks under budgets: what judges a candidate before it is trained, and what runs its training."""
