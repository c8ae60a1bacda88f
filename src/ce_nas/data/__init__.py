"""Tables that this package's own programs computed; each says in itself how."""
