"""Statements about variables and secrets."""

import uuid
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app.core.orm import Id
from app.core.pagination import PageParams, Slice
from app.core.repository import Repository
from app.credentials.errors import SecretNotFound, VariableNotFound
from app.credentials.models import Environment, Secret, Variable

# Read by each start; building a statement and its cache key costs more than sending it.
_OF_PROJECT = (
    select(Variable.name, Variable.value)
    .where(Variable.scope_id == bindparam("wanted", type_=Id()))
    .order_by(Variable.name)
)


class VariableRepository(Repository):
    """Variables; `scope_id` is a project or an environment."""

    async def list(self, scope_id: uuid.UUID, params: PageParams) -> Slice[Variable]:
        statement = select(Variable).where(Variable.scope_id == scope_id)
        return await self.page(statement, Variable.id, params)

    async def get(self, scope_id: uuid.UUID, name: str, *, lock: bool = False) -> Variable | None:
        statement = select(Variable).where(Variable.scope_id == scope_id, Variable.name == name)
        if lock:
            statement = statement.with_for_update()
        return await self.session.scalar(statement)

    async def require(self, scope_id: uuid.UUID, name: str, *, lock: bool = False) -> Variable:
        variable = await self.get(scope_id, name, lock=lock)
        if variable is None:
            raise VariableNotFound(f"there is no variable {name}")
        return variable

    async def extent(self, scope_id: uuid.UUID) -> tuple[int, int]:
        """How many there are, and how long their values are together."""
        total = func.coalesce(func.sum(func.length(Variable.value)), 0)
        statement = select(func.count(), total).where(Variable.scope_id == scope_id)
        row = (await self.session.execute(statement)).one()
        return int(row[0]), int(row[1])

    async def of_project(self, project_id: uuid.UUID) -> Mapping[str, str]:
        """Those of the project itself, by name."""
        found = await self.session.execute(_OF_PROJECT, {"wanted": project_id})
        return {row[0]: row[1] for row in found}

    async def of_projects(
        self, project_ids: Iterable[uuid.UUID]
    ) -> Mapping[uuid.UUID, Mapping[str, str]]:
        """Those of each of these projects itself, by name; one statement."""
        found: dict[uuid.UUID, dict[str, str]] = {project_id: {} for project_id in project_ids}
        statement = (
            select(Variable.scope_id, Variable.name, Variable.value)
            .where(Variable.scope_id.in_(sorted(found)))
            .order_by(Variable.name)
        )
        for scope_id, name, value in await self.session.execute(statement):
            found[scope_id][name] = value
        return found

    async def of_environment(self, project_id: uuid.UUID, name: str) -> Mapping[str, str]:
        """Those of an environment of the project, by name; none when there is no such."""
        statement = (
            select(Variable.name, Variable.value)
            .join(Environment, Environment.id == Variable.scope_id)
            .where(Environment.project_id == project_id, Environment.folded == name.casefold())
            .order_by(Variable.name)
        )
        return {row[0]: row[1] for row in await self.session.execute(statement)}


class SecretRepository(Repository):
    """Secrets, encrypted; `scope_id` is a project or an environment."""

    async def list(self, scope_id: uuid.UUID, params: PageParams) -> Slice[Secret]:
        statement = select(Secret).where(Secret.scope_id == scope_id)
        return await self.page(statement, Secret.id, params)

    async def get(self, scope_id: uuid.UUID, name: str, *, lock: bool = False) -> Secret | None:
        statement = select(Secret).where(Secret.scope_id == scope_id, Secret.name == name)
        if lock:
            statement = statement.with_for_update()
        return await self.session.scalar(statement)

    async def require(self, scope_id: uuid.UUID, name: str, *, lock: bool = False) -> Secret:
        secret = await self.get(scope_id, name, lock=lock)
        if secret is None:
            raise SecretNotFound(f"there is no secret {name}")
        return secret

    async def count(self, scope_id: uuid.UUID) -> int:
        statement = select(func.count()).where(Secret.scope_id == scope_id)
        return await self.session.scalar(statement) or 0

    async def for_job(self, project_id: uuid.UUID, environment: str | None) -> Sequence[Secret]:
        """What a job gets: those of the project, after them those of the named environment."""
        statement = select(Secret).where(Secret.project_id == project_id)
        own: InstrumentedAttribute[uuid.UUID | None] = Secret.environment_id
        if environment is None:
            return (await self.session.scalars(statement.where(own.is_(None)))).all()
        chosen: ColumnElement[bool] = and_(
            Environment.project_id == project_id, Environment.folded == environment.casefold()
        )
        statement = statement.outerjoin(Environment, Environment.id == own)
        rows = await self.session.scalars(statement.where(or_(own.is_(None), chosen)))
        return sorted(rows, key=lambda secret: secret.environment_id is not None)
