"""The documentation, and the program that makes its generated parts."""
