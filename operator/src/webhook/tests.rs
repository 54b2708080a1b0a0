//! Reviews in, answers out, against a scripted API server.
