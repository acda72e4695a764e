"""The files of a run, wherever they are: a results folder, a bucket, the ibd beside it."""
