"""What the endpoints of inventories and playbooks declare."""

from typing import Annotated

from fastapi import Depends, Path

from app.ansible.checking import check_content
from app.ansible.models import FileKind
from app.ansible.schemas import AnsibleFileCreate
from app.auth.dependencies import CurrentUser

Kind = Annotated[FileKind, Path(description="Which of the two")]
FileName = Annotated[str, Path(max_length=100, description="Its name", examples=["site"])]


async def checked_file(
    _principal: CurrentUser, kind: Kind, body: AnsibleFileCreate
) -> AnsibleFileCreate:
    """A new file, checked before a transaction is open."""
    await check_content(kind, body.format, body.content)
    return body


CheckedFile = Annotated[AnsibleFileCreate, Depends(checked_file)]
