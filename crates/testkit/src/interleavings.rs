//! Threads in many of the orders in which they may run. What they share has to be made of shuttle's locks and atomics: by the
//! feature `shuttle` of their crate.

/// Orders that are tried of each kind: by chance, and by chance with few switches, which find what needs a certain one.
const ORDERS: usize = 2_000;

/// Runs `threads`, which starts them, in thousands of orders. Shuttle prints how to repeat an order that fails.
pub fn in_any_order(threads: fn()) {
    shuttle::check_random(threads, ORDERS);
    shuttle::check_pct(threads, ORDERS, 3);
}
