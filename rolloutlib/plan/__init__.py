"""The rollout plan as data: params/*.yaml → Plan and parameters; unknown keys are errors."""
