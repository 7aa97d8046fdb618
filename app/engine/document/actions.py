"""The built-in actions as the file sees them: names, aliases, inputs and outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ActionInput:
    """An input under `with`. `no_effect` says why it is accepted and changes nothing."""

    description: str
    required: bool = False
    default: str | None = None
    no_effect: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """An action that AnsFlow has itself. `alias` is its public name without `@REF`."""

    description: str
    inputs: Mapping[str, ActionInput] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    alias: str | None = None


_ONE_STORE = "the artifacts and caches of AnsFlow have one form"
_NOT_GITHUB = "this installation does not talk to GitHub"

_CHECKOUT = Action(
    "Get a repository at a ref with git.",
    {
        "repository": ActionInput("URL, path or OWNER/NAME; the pipeline's own by default."),
        "ref": ActionInput("Branch, tag or commit; that of the event by default."),
        "credential": ActionInput(
            "Name of a credential of the project: a token, a user name and password, or an SSH key."
        ),
        "token": ActionInput("Token for the repository."),
        "ssh-key": ActionInput("Private key for the repository; it is then cloned over SSH."),
        "ssh-known-hosts": ActionInput("Known hosts besides those of the worker."),
        "ssh-strict": ActionInput("Refuse unknown hosts.", default="true"),
        "ssh-user": ActionInput("User at the SSH host.", default="git"),
        "persist-credentials": ActionInput("Keep the credential in the clone.", default="true"),
        "path": ActionInput("Folder of the workspace to use.", default="."),
        "clean": ActionInput("Remove what is not in the repository.", default="true"),
        "filter": ActionInput("Partial clone filter."),
        "sparse-checkout": ActionInput("Patterns of a sparse checkout, one a line."),
        "sparse-checkout-cone-mode": ActionInput("Use cone mode.", default="true"),
        "fetch-depth": ActionInput("How many commits; 0 is all.", default="1"),
        "fetch-tags": ActionInput("Fetch tags too.", default="false"),
        "show-progress": ActionInput("Show progress.", default="true"),
        "lfs": ActionInput("Fetch LFS files.", default="false"),
        "submodules": ActionInput("true, false or recursive.", default="false"),
        "set-safe-directory": ActionInput(
            "Mark the folder as safe for git.",
            no_effect="the workspace belongs to the account that runs the steps",
        ),
        "github-server-url": ActionInput("Base URL of the server.", no_effect=_NOT_GITHUB),
        "allow-unsafe-pr-checkout": ActionInput("Allow fork code.", no_effect=_NOT_GITHUB),
    },
    {"ref": "The ref that was checked out.", "commit": "The commit that was checked out."},
    "actions/checkout",
)
_UPLOAD = Action(
    "Store files for later jobs and for people.",
    {
        "name": ActionInput("Name of the artifact.", default="artifact"),
        "path": ActionInput("Files, folders and patterns, one a line.", required=True),
        "if-no-files-found": ActionInput("warn, error or ignore.", default="warn"),
        "retention-days": ActionInput("Days until it expires."),
        "compression-level": ActionInput("0 to 9.", default="6"),
        "overwrite": ActionInput("Replace one of the same name.", default="false"),
        "include-hidden-files": ActionInput("Include hidden files.", default="false"),
        "archive": ActionInput("Store as an archive.", default="true", no_effect=_ONE_STORE),
    },
    {
        "artifact-id": "Its id.",
        "artifact-url": "Its address.",
        "artifact-digest": "Its SHA-256 digest.",
    },
    "actions/upload-artifact",
)
_DOWNLOAD = Action(
    "Get artifacts of this execution.",
    {
        "name": ActionInput("Name of the artifact; all by default."),
        "artifact-ids": ActionInput("Ids, separated by commas."),
        "path": ActionInput("Folder to put them into.", default="."),
        "pattern": ActionInput("Pattern of names."),
        "merge-multiple": ActionInput("Put all into one folder.", default="false"),
        "github-token": ActionInput("Token for another repository.", no_effect=_NOT_GITHUB),
        "repository": ActionInput("Another repository.", no_effect=_NOT_GITHUB),
        "run-id": ActionInput("Another execution."),
        "skip-decompress": ActionInput("Keep it packed.", no_effect=_ONE_STORE),
        "digest-mismatch": ActionInput("What to do when a digest differs.", no_effect=_ONE_STORE),
    },
    {"download-path": "The folder with the files."},
    "actions/download-artifact",
)
_CACHE = Action(
    "Keep folders between executions.",
    {
        "path": ActionInput("Files, folders and patterns, one a line.", required=True),
        "key": ActionInput("Key to restore and save.", required=True),
        "restore-keys": ActionInput("Prefixes to try, one a line."),
        "fail-on-cache-miss": ActionInput("Fail without a cache.", default="false"),
        "lookup-only": ActionInput("Only look, restore nothing.", default="false"),
        "save-always": ActionInput("Save after a failure too.", default="false"),
        "upload-chunk-size": ActionInput("Size of chunks.", no_effect=_ONE_STORE),
        "enableCrossOsArchive": ActionInput("Share with Windows.", no_effect=_ONE_STORE),
    },
    {
        "cache-hit": "Whether the key itself was found.",
        "cache-primary-key": "The key.",
        "cache-matched-key": "The key that was restored.",
    },
    "actions/cache",
)
_HTTP = Action(
    "Send an HTTP request.",
    {
        "url": ActionInput("Where to.", required=True),
        "method": ActionInput("GET, POST, …", default="GET"),
        "headers": ActionInput("`Name: value`, one a line."),
        "body": ActionInput("What to send."),
        "expected-status": ActionInput("Status codes that are a success.", default="200-299"),
        "retries": ActionInput("How often to try again.", default="0"),
        "timeout-seconds": ActionInput("When to give up.", default="30"),
    },
    {"status": "The status code.", "body": "The body of the answer."},
)
_NOTIFY = Action(
    "Send a message into a chat, to a webhook or by e-mail.",
    {
        "channel": ActionInput("webhook, email, slack, dingtalk, feishu or wecom.", required=True),
        "message": ActionInput("What to say.", required=True),
        "title": ActionInput("First line, or subject."),
        "url": ActionInput(
            "Address of the webhook; for email `smtp://USER:PASSWORD@HOST:PORT` or `smtps://…`.",
            required=True,
        ),
        "secret": ActionInput("Signs the message, where the channel can check it."),
        "to": ActionInput("Recipients of an e-mail, separated by commas."),
        "from": ActionInput("Sender of an e-mail."),
        "retries": ActionInput("How often to try again.", default="2"),
    },
)
_TRIGGER = Action(
    "Start another pipeline of this project.",
    {
        "pipeline": ActionInput("Its name in addresses.", required=True),
        "inputs": ActionInput(
            "Values of its inputs as a JSON object, or `name: value`, one a line."
        ),
        "ref": ActionInput("Ref that it runs on; that of this execution by default."),
        "wait": ActionInput("Wait for its end, and fail unless it is a success.", default="true"),
    },
    {
        "execution-id": "The execution that was started.",
        "number": "Its number in its pipeline.",
        "status": "How it ended; empty when nobody waited.",
        "outputs": "The outputs of its jobs as JSON: `{job: {name: value}}`.",
    },
)
_REGISTRY = {
    "registry": ActionInput("Registry to log in at; Docker Hub by default."),
    "username": ActionInput("User at the registry."),
    "password": ActionInput("Password or token at the registry."),
}
_DOCKER_BUILD = Action(
    "Build an image with the docker command of the worker.",
    {
        "tags": ActionInput("Names of the image, one a line.", required=True),
        "context": ActionInput("Folder or address to build from.", default="."),
        "file": ActionInput("The Dockerfile."),
        "target": ActionInput("Stage to build."),
        "platform": ActionInput("Platform to build for."),
        "build-args": ActionInput("`NAME=value`, one a line."),
        "labels": ActionInput("`NAME=value`, one a line."),
        "pull": ActionInput("Look for newer base images.", default="false"),
        "no-cache": ActionInput("Use nothing of earlier builds.", default="false"),
        "push": ActionInput("Push it too.", default="false"),
        **_REGISTRY,
    },
    {
        "image-id": "Id of the image.",
        "tags": "Its names, one a line.",
        "digest": "Its digest at the registry, once it is pushed.",
    },
)
_DOCKER_PUSH = Action(
    "Push images with the docker command of the worker.",
    {"tags": ActionInput("Names of images, one a line.", required=True), **_REGISTRY},
    {"digest": "Digest of the first one at its registry."},
)
_DOCKER_RUN = Action(
    "Run a command in a container with the docker command of the worker.",
    {
        "image": ActionInput("The image.", required=True),
        "run": ActionInput("Commands for `sh -e` in the container."),
        "args": ActionInput("Without `run`: arguments for the image's entry point."),
        "entrypoint": ActionInput("Instead of the image's entry point."),
        "env": ActionInput("`NAME=value`, one a line."),
        "options": ActionInput("More options of `docker run`."),
        "mount-workspace": ActionInput("Have the workspace at /github/workspace.", default="true"),
        **_REGISTRY,
    },
)
_ANSIBLE = Action(
    "Run an Ansible playbook with the ansible-playbook command of the worker.",
    {
        "playbook": ActionInput("Name of one of the project, or a path.", required=True),
        "inventory": ActionInput("Names of the project, paths, or hosts with commas, one a line."),
        "limit": ActionInput("Pattern of hosts."),
        "tags": ActionInput("Only tasks with these tags."),
        "skip-tags": ActionInput("Only tasks without these tags."),
        "extra-vars": ActionInput("Variables as YAML or JSON."),
        "user": ActionInput("User to log in as."),
        "become": ActionInput("Become another user.", default="false"),
        "forks": ActionInput("Hosts at once."),
        "check": ActionInput("Change nothing, say what would change.", default="false"),
        "diff": ActionInput("Show differences.", default="false"),
        "verbosity": ActionInput("0 to 4.", default="0"),
        "credential": ActionInput("Name of an SSH key of the project, for the hosts."),
        "vault-credential": ActionInput("Name of a vault password of the project."),
        "ssh-key": ActionInput("Private key for the hosts."),
        "ssh-known-hosts": ActionInput("Known hosts besides those of the worker."),
        "ssh-strict": ActionInput("Refuse unknown hosts.", default="true"),
        "vault-password": ActionInput("Password of encrypted variables and files."),
    },
    {
        "hosts": "The recap as JSON: `{host: {ok, changed, unreachable, failures, …}}`.",
        "results": "Results of tasks as JSON: `[{host, task, result}]`, at most 500.",
        "ok": "How many tasks were ok.",
        "changed": "How many tasks changed something.",
        "failed": "How many tasks failed.",
        "unreachable": "How many hosts were not reached.",
    },
)
_SLEEP = Action("Wait.", {"seconds": ActionInput("How long.", required=True)})
_DUMMY = Action(
    "Do nothing, in a way that can be chosen; for tests.",
    {
        "exit-code": ActionInput("How it ends.", default="0"),
        "seconds": ActionInput("How long it takes.", default="0"),
        "lines": ActionInput("How many lines it prints.", default="0"),
    },
)

BUILT_IN: Mapping[str, Action] = {
    "ansible-playbook": _ANSIBLE,
    "cache": _CACHE,
    "checkout": _CHECKOUT,
    "docker-build": _DOCKER_BUILD,
    "docker-push": _DOCKER_PUSH,
    "docker-run": _DOCKER_RUN,
    "download-artifact": _DOWNLOAD,
    "dummy": _DUMMY,
    "http": _HTTP,
    "notify": _NOTIFY,
    "sleep": _SLEEP,
    "trigger": _TRIGGER,
    "upload-artifact": _UPLOAD,
}


def resolve(uses: str, actions: Mapping[str, Action] = BUILT_IN) -> str | None:
    """The name of the built-in action that `uses` of a step means, or None.

    `checkout`, `actions/checkout@v4` and `actions/checkout@<sha>` are all `checkout`.
    """
    if uses in actions:
        return uses
    public, at, ref = uses.partition("@")
    if not at or not ref:
        return None
    public = public.lower()
    return next((name for name, action in actions.items() if action.alias == public), None)
