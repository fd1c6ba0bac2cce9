//! The rules of the protocol, each file one subject: known vectors, another implementation, properties, bad input.

mod arbitrary;
mod bad_input;
mod bip340;
mod event_properties;
mod filter_properties;
mod known_events;
mod message_fuzz;
mod outside_implementation;
mod search;
mod signed;
