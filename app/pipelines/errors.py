"""What can be wrong with a pipeline."""

from app.core.errors import Conflict, Invalid, NotFound


class PipelineNotFound(NotFound):
    code, title = "pipeline_not_found", "No such pipeline, or you may not see it"


class VersionNotFound(NotFound):
    code, title = "version_not_found", "The pipeline has no such version"


class PipelineSlugTaken(Conflict):
    code, title = "pipeline_slug_taken", "Another pipeline of the project has this address"


class InvalidPipeline(Invalid):
    """`errors` has every finding, with file, line and column."""

    code, title = "invalid_pipeline", "The pipeline file is not valid"
