"""The publisher's side: a key file, release statements, and the key list that is served over https."""
