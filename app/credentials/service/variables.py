"""Variables: set and delete."""

from app.core.clock import new_id, utcnow
from app.core.db import AsyncSession
from app.credentials.errors import SetMeanwhile, TooManyValues
from app.credentials.models import Variable
from app.credentials.repository.values import VariableRepository
from app.credentials.service.places import Place, record_value

MAX_VARIABLES = 100
MAX_TOTAL = 256 * 1024
"""How many variables a place has at most, and how many bytes all its values: each execution keeps
a copy."""


async def set_variable(session: AsyncSession, *, place: Place, name: str, value: str) -> Variable:
    """Make a variable or change its value.

    Raises: TooManyValues, SetMeanwhile.
    """
    repository, now = VariableRepository(session), utcnow()
    variable = await repository.get(place.scope_id, name, lock=True)
    number, total = await repository.extent(place.scope_id)
    before = None if variable is None else {"value": variable.value}
    if variable is None:
        variable = Variable(
            id=new_id(),
            project_id=place.project_id,
            environment_id=place.environment_id,
            scope_id=place.scope_id,
            name=name,
            created_at=now,
        )
        number += 1
    else:
        total -= len(variable.value.encode())
    if number > MAX_VARIABLES or total + len(value.encode()) > MAX_TOTAL:
        raise TooManyValues("there may be at most 100 variables, together at most 256 KiB")
    variable.value, variable.updated_at = value, now
    await repository.save(variable, conflict=SetMeanwhile())
    verb = "create" if before is None else "update"
    await record_value(session, place, variable, verb, before=before, after={"value": value})
    return variable


async def delete_variable(session: AsyncSession, *, place: Place, name: str) -> None:
    """Delete a variable.

    Raises: VariableNotFound.
    """
    repository = VariableRepository(session)
    variable = await repository.require(place.scope_id, name, lock=True)
    await repository.delete(variable)
    await record_value(session, place, variable, "delete", before={"value": variable.value})
