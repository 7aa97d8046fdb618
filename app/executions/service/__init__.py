"""One file per verb. Everything that moves a job goes through `app.executions.interpreter`."""
