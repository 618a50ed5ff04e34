"""What tests share: doubles that obey the ports' promises, and makers of small input."""
