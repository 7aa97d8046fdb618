"""What can be wrong with a schedule."""

from app.core.errors import Conflict, Invalid, NotFound


class ScheduleNotFound(NotFound):
    code, title = "schedule_not_found", "No such schedule, or you may not see it"


class ScheduleIsDefined(Conflict):
    code, title = "schedule_is_defined", "This schedule stands in the pipeline file"


class InvalidSchedule(Invalid):
    code, title = "invalid_schedule", "The schedule never fires or cannot be read"


class TooManySchedules(Conflict):
    code, title = "too_many_schedules", "The pipeline has as many schedules as it may have"
