"""Ansible inventories and playbooks of projects, with versions."""
