"""The one place that knows every concrete class: builds the service from settings and runs it until told to stop."""
