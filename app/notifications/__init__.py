"""Tells people outside of AnsFlow what became of executions: by e-mail, webhooks and chats."""
