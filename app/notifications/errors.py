"""What can be wrong with notifications."""

from app.core.errors import Conflict, Invalid, NotFound


class ChannelNotFound(NotFound):
    code, title = "channel_not_found", "The project has no such channel"


class RuleNotFound(NotFound):
    code, title = "notification_rule_not_found", "The project has no such notification rule"


class ChannelNameTaken(Conflict):
    code, title = "channel_name_taken", "The project has a channel of this name"


class TooManyChannels(Conflict):
    code, title = "too_many_channels", "The project has as many of these as it may"


class ChannelIsIncomplete(Invalid):
    code, title = "channel_incomplete", "The channel needs something else"


class RuleNamesUnknown(Invalid):
    code, title = "rule_names_unknown", "The rule names something that the project does not have"
