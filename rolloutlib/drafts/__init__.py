"""What a file is, recognised: a source.yaml drafted for it, with a reason for every line."""
