"""Messages for workers: catalogue, queues, outbox, publishing."""
