"""Telling people: a webhook, a comment file, a mail file; off unless params/notify.yaml says so."""
