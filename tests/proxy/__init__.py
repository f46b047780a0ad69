"""What stands in front of the application: the configurations that `stockade proxy` prints, run for real."""
