"""What is not there yet: each name goes when the thing comes, and the file with the last."""

PENDING: frozenset[str] = frozenset(
    {
        "test_a_bad_world_is_no_go[diluted_by_control]",
        "test_a_bad_world_is_no_go[other_prompts]",
        "test_a_bad_world_is_no_go[seconds_as_ms]",
        "test_case_09_a_control_nine_times_larger",
        "test_case_11_shared_prompts_decide",
        "test_no_damage_makes_a_go",
    }
)
