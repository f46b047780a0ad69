"""The URL configurations of the stacks: the same view everywhere, guarded by what each stack brings."""
