"""What can be wrong with an inventory or a playbook."""

from app.core.errors import Conflict, Invalid, NotFound


class AnsibleFileNotFound(NotFound):
    code, title = "ansible_file_not_found", "No such inventory or playbook"


class AnsibleVersionNotFound(NotFound):
    code, title = "ansible_version_not_found", "The file has no such version"


class AnsibleNameTaken(Conflict):
    code, title = "ansible_name_taken", "Another one of the project has this name"


class AnsibleFileIsInvalid(Invalid):
    """`errors` has the finding, with line and column."""

    code, title = "ansible_file_invalid", "The inventory or playbook is not valid"
