"""What AnsFlow does when processes are killed and servers go away."""
