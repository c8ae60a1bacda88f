"""The package's methods under the faces of other libraries."""
