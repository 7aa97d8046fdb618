"""What can be wrong with a repository or a call of its webhook."""

from app.core.errors import BadRequest, Conflict, Invalid, NotFound, Unauthenticated


class RepositoryNotFound(NotFound):
    code, title = "repository_not_found", "No such repository"


class RepositoryNameTaken(Conflict):
    code, title = "repository_name_taken", "Another repository of the project has this name"


class DeliveryNotFound(NotFound):
    code, title = "delivery_not_found", "No such delivery"


class CredentialNotUsable(Invalid):
    code, title = "credential_not_usable", "The project has no such token credential"


class AddressNotAllowed(Invalid):
    code, title = "address_not_allowed", "The server may not call this address"


class InvalidSignature(Unauthenticated):
    code, title = "invalid_signature", "No such repository, or the signature is wrong"


class UnreadablePayload(BadRequest):
    code, title = "unreadable_payload", "The body cannot be read"
