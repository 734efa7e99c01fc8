"""When a flow runs: schedules as pure values that give data intervals."""
