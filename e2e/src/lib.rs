//! Black-box tests of the processes together: everything is in `tests/`, against the real binaries, a real Redis and a
//! real Postgres.
