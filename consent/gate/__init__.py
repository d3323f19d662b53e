"""What lets something through, or not: pure functions of the policy, the visitor's grants and what came."""
