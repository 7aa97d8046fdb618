"""Statements about the tokens of one project."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Select, select

from app.auth.errors import TokenNotFound
from app.auth.models import ApiToken, User
from app.core.pagination import PageParams
from app.core.repository import Repository


class ProjectTokenRepository(Repository):
    """Tokens, each with the user row that it acts as."""

    async def list(
        self, project_id: uuid.UUID, params: PageParams
    ) -> tuple[Sequence[tuple[ApiToken, User]], str | None]:
        """Newest first."""
        statement = _tokens(project_id).order_by(ApiToken.id.desc()).limit(params.limit + 1)
        if params.after is not None:
            statement = statement.where(ApiToken.id < params.after)
        rows = [(row[0], row[1]) for row in await self.session.execute(statement)]
        items = rows[: params.limit]
        more = len(rows) > params.limit
        return items, str(items[-1][0].id) if more else None

    async def require(self, project_id: uuid.UUID, token_id: uuid.UUID) -> tuple[ApiToken, User]:
        statement = _tokens(project_id).where(ApiToken.id == token_id)
        row = (await self.session.execute(statement)).one_or_none()
        if row is None:
            raise TokenNotFound
        return row[0], row[1]


def _tokens(project_id: uuid.UUID) -> Select[ApiToken, User]:
    return (
        select(ApiToken, User)
        .join(User, User.id == ApiToken.user_id)
        .where(User.project_id == project_id)
    )
