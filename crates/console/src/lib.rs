//! People's door: JSON API, server-rendered pages, sessions, roles.
