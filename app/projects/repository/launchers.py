"""Statements about who may start one pipeline without a role in its project."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from app.auth.models import User
from app.core.pagination import PageParams
from app.core.repository import Repository
from app.projects.models import Launcher, Team


class LauncherRepository(Repository):
    """Launchers of one pipeline."""

    async def list(
        self, pipeline_id: uuid.UUID, params: PageParams
    ) -> tuple[Sequence[tuple[Launcher, str | None, str | None]], str | None]:
        """Launchers, each with the name of the user or the address of the team."""
        statement = (
            select(Launcher, User.name, Team.slug)
            .outerjoin(User, User.id == Launcher.user_id)
            .outerjoin(Team, Team.id == Launcher.team_id)
            .where(Launcher.pipeline_id == pipeline_id)
            .order_by(Launcher.id)
            .limit(params.limit + 1)
        )
        if params.after is not None:
            statement = statement.where(Launcher.id > params.after)
        rows = [(row[0], row[1], row[2]) for row in await self.session.execute(statement)]
        items = rows[: params.limit]
        more = len(rows) > params.limit
        return items, str(items[-1][0].id) if more else None

    async def get(
        self, pipeline_id: uuid.UUID, *, user_id: uuid.UUID | None, team_id: uuid.UUID | None
    ) -> Launcher | None:
        statement = select(Launcher).where(
            Launcher.pipeline_id == pipeline_id,
            Launcher.team_id == team_id if user_id is None else Launcher.user_id == user_id,
        )
        return await self.session.scalar(statement.with_for_update())
