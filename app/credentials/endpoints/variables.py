"""Variables of projects and of environments."""

from typing import Annotated, Any

from fastapi import APIRouter, status

from app.auth.errors import InsufficientScope
from app.core.dependencies import ReadSession, Session
from app.core.errors import Unauthenticated
from app.core.pagination import Paging
from app.core.schemas import Page
from app.credentials.dependencies import (
    VariableName,
    reads_environment,
    reads_project,
    writes_environment,
    writes_project,
)
from app.credentials.errors import EnvironmentNotFound, TooManyValues, VariableNotFound
from app.credentials.repository.values import VariableRepository
from app.credentials.schemas.values import VariableRead, VariableWrite
from app.credentials.service.places import Place
from app.credentials.service.variables import delete_variable, set_variable
from app.projects.errors import ProjectNotFound
from app.projects.rights import Action

COMMON: dict[int | str, dict[str, Any]] = {
    401: Unauthenticated.doc(),
    403: InsufficientScope.doc(),
    404: ProjectNotFound.doc(),
}
router = APIRouter(prefix="/projects/{project}/variables", tags=["variables"], responses=COMMON)
of_environment = APIRouter(
    prefix="/projects/{project}/environments/{environment_id}/variables",
    tags=["variables"],
    responses=COMMON,
)
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: VariableNotFound.doc()}
NO_ENVIRONMENT: dict[int | str, dict[str, Any]] = {404: EnvironmentNotFound.doc()}
FULL: dict[int | str, dict[str, Any]] = {409: TooManyValues.doc()}

InProject = Annotated[Place, reads_project(Action.VARIABLE_READ)]
InEnvironment = Annotated[Place, reads_environment(Action.VARIABLE_READ)]
ToProject = Annotated[Place, writes_project(Action.VARIABLE_WRITE)]
ToEnvironment = Annotated[Place, writes_environment(Action.VARIABLE_WRITE)]


@router.get("")
async def list_variables(
    place: InProject, session: ReadSession, paging: Paging
) -> Page[VariableRead]:
    """The variables of a project, newest first."""
    found = await VariableRepository(session).list(place.scope_id, paging)
    return Page[VariableRead].model_validate(found)


@router.get("/{variable_name}", responses=NOT_FOUND)
async def get_variable(
    place: InProject, variable_name: VariableName, session: ReadSession
) -> VariableRead:
    """One variable of a project."""
    found = await VariableRepository(session).require(place.scope_id, variable_name)
    return VariableRead.model_validate(found)


@router.put("/{variable_name}", responses=FULL)
async def put_variable(
    place: ToProject, variable_name: VariableName, body: VariableWrite, session: Session
) -> VariableRead:
    """Make a variable of a project, or give it another value."""
    made = await set_variable(session, place=place, name=variable_name, value=body.value)
    return VariableRead.model_validate(made)


@router.delete("/{variable_name}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def delete_variable_of_project(
    place: ToProject, variable_name: VariableName, session: Session
) -> None:
    """Delete a variable of a project."""
    await delete_variable(session, place=place, name=variable_name)


@of_environment.get("", responses=NO_ENVIRONMENT)
async def list_variables_of_environment(
    place: InEnvironment, session: ReadSession, paging: Paging
) -> Page[VariableRead]:
    """The variables of an environment, newest first."""
    found = await VariableRepository(session).list(place.scope_id, paging)
    return Page[VariableRead].model_validate(found)


@of_environment.get("/{variable_name}", responses=NOT_FOUND)
async def get_variable_of_environment(
    place: InEnvironment, variable_name: VariableName, session: ReadSession
) -> VariableRead:
    """One variable of an environment."""
    found = await VariableRepository(session).require(place.scope_id, variable_name)
    return VariableRead.model_validate(found)


@of_environment.put("/{variable_name}", responses={**NO_ENVIRONMENT, **FULL})
async def put_variable_of_environment(
    place: ToEnvironment, variable_name: VariableName, body: VariableWrite, session: Session
) -> VariableRead:
    """Make a variable of an environment, or give it another value."""
    made = await set_variable(session, place=place, name=variable_name, value=body.value)
    return VariableRead.model_validate(made)


@of_environment.delete(
    "/{variable_name}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=NOT_FOUND,
)
async def delete_variable_of_environment(
    place: ToEnvironment, variable_name: VariableName, session: Session
) -> None:
    """Delete a variable of an environment."""
    await delete_variable(session, place=place, name=variable_name)
