//! Black-box tests of the processes together, a file for each NIP and each act of an operator; one binary, for it links once.
#![allow(missing_docs, clippy::unwrap_used, clippy::too_many_lines, reason = "tests")]

mod admin;
mod bad_input;
mod clients;
mod faults_postgres;
mod faults_redis;
mod hostile;
mod import_export;
mod kinds;
mod nip01;
mod nip01_classes;
mod nip01_filters;
mod nip09;
mod nip11;
mod nip13;
mod nip26;
mod nip28;
mod nip40;
mod nip43;
mod nip45;
mod nip50;
mod nip67;
mod nip77;
mod plugins;
mod restart;
mod sdk;
mod websocket;
mod write_policy;
